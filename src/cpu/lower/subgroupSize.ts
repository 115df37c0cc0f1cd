/** Invocations of a subgroup, which are neighbours by local index. */
export const subgroupSize = 4;
