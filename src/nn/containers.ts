/** Modules made of modules; children are keyed by position: `0.weight`. */
import { ArgumentError } from "../errors";
import type { Tensor } from "../tensor/tensor";
import { Module } from "./module";

/** A module that maps one tensor to one tensor. */
export type Layer = Module & { forward(x: Tensor): Tensor };

/** A list of modules. */
export class ModuleList<M extends Module = Module> extends Module implements Iterable<M> {
  readonly #modules: readonly M[];

  constructor(modules: readonly M[]) {
    super();
    this.#modules = [...modules];
  }

  get length(): number {
    return this.#modules.length;
  }

  at(index: number): M | undefined {
    return this.#modules.at(index);
  }

  [Symbol.iterator](): Iterator<M> {
    return this.#modules[Symbol.iterator]();
  }

  override *children(): Iterable<[string, Module]> {
    for (const [i, module] of this.#modules.entries()) yield [String(i), module];
  }
}

/** One layer after another. */
export class Sequential extends ModuleList<Layer> {
  /** @throws ArgumentError for what is no module, such as a list of them */
  constructor(...layers: readonly Layer[]) {
    super(layers);
    layers.forEach((layer, i) => {
      if (typeof layer?.forward !== "function")
        throw new ArgumentError(
          `Sequential: layer ${i} is ${Array.isArray(layer) ? "a list" : typeof layer}; it takes modules one by one: new Sequential(a, b).`,
        );
    });
  }

  forward(x: Tensor): Tensor {
    let y = x;
    for (const layer of this) y = layer.forward(y);
    return y;
  }
}
