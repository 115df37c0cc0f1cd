/**
 * Scopes own the device memory of the tensors made while they are open. JavaScript's garbage collector
 * does not see GPU memory, so freeing is explicit: `using`, `dispose`, or a scope.
 */
import { ArgumentError } from "../errors";
import type { Tensor } from "./tensor";
import { forEachTensor } from "./tree";

interface Owned {
  dispose(): void;
}

class Scope {
  readonly owned = new Set<Owned>();
}

const stack: Scope[] = [];

/** Called by each new device tensor, and by what else is freed with the innermost scope. */
export function register(tensor: Owned): void {
  stack.at(-1)?.owned.add(tensor);
}

/** Called when a tensor is disposed by hand. */
export function unregister(tensor: Owned): void {
  for (const scope of stack) scope.owned.delete(tensor);
}

/** Takes a tensor out of every open scope: it lives until it is disposed by hand. Returns it. */
export function keep<T extends Tensor>(tensor: T): T {
  for (const owned of tensor.owned) unregister(owned);
  return tensor;
}

/** Gives a tensor to the innermost open scope, if there is one. Returns it. */
export function adopt<T extends Tensor>(tensor: T): T {
  for (const owned of tensor.owned) register(owned);
  return tensor;
}

/** As `scope`, but an async `fn` runs outside of it, and frees what it makes itself. */
export function scopeUnlessAsync(fn: () => unknown): unknown {
  let pending: Promise<unknown> | null = null;
  const result = scope(() => {
    const value = fn();
    if (!(value instanceof Promise)) return value;
    pending = value;
    return null;
  });
  return pending ?? result;
}

/**
 * Runs `fn` and frees every tensor made in it except those in its result (a tensor, or arrays and
 * objects of tensors), which pass to the scope around it. If `fn` throws, all are freed.
 *
 * @throws ArgumentError if `fn` is async: the scope would close before its tensors are made.
 * @example const y = scope(() => { const a = x.exp(); return a.sum(); }); // a is freed, y is not
 */
export function scope<T>(fn: () => T): T {
  const own = new Scope();
  stack.push(own);
  let result: T;
  try {
    result = fn();
    if (result instanceof Promise) {
      // Its own error follows from being here, and nobody is left to hear of it.
      result.catch(() => {});
      throw new ArgumentError(
        "scope(fn): fn is async. Make the tensors in a synchronous function and await their values outside.",
      );
    }
  } catch (error) {
    stack.pop();
    for (const tensor of own.owned) tensor.dispose();
    throw error;
  }
  stack.pop();
  forEachTensor(result, (tensor) => {
    for (const owned of tensor.owned) if (own.owned.delete(owned)) register(owned);
  });
  for (const tensor of own.owned) tensor.dispose();
  return result;
}
