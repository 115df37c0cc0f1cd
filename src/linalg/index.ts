/** Dense linear algebra, under the names of `torch.linalg` in camelCase. */
export {};
