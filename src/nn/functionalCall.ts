/** Modules as functions of their parameters. */
import { ArgumentError, ShapeError } from "../errors";
import { stack } from "../ops/shape";
import { scope } from "../tensor/scope";
import { sameShape, show } from "../tensor/shape";
import type { Tensor } from "../tensor/tensor";
import { withValues } from "../transforms/parameters";
import type { Module } from "./module";

/** Values by parameter name, as in `stateDict`. */
export type ParameterValues = Readonly<Record<string, Tensor>>;

/**
 * Runs `forward` of a module while its parameters stand for other values (`torch.func.functional_call`): how
 * transforms differentiate with respect to them, batch over them, or mix models.
 *
 * @param values by name; parameters that are not named keep their own. One that is named stands for all
 * names of a shared parameter
 * @throws ArgumentError for a name the module does not have; ShapeError for another shape
 * @example const loss = (values, x, y) => mseLoss(functionalCall(model, values, x), y);
 * @example const perSample = vmap(grad(loss), { inDims: [null, 0, 0] })(params, xs, ys);
 */
export function functionalCall<M extends Module & { forward(...args: never[]): unknown }>(
  module: M,
  values: ParameterValues,
  ...args: Parameters<M["forward"]>
): ReturnType<M["forward"]> {
  const own = module.stateDict();
  const names = Object.keys(values);
  const unknown = names.filter((name) => !(name in own));
  if (unknown.length)
    throw new ArgumentError(
      `functionalCall: the module has no parameter ${unknown.join(", ")}. It has ${Object.keys(own).join(", ")}.`,
    );
  for (const name of names)
    if (!sameShape(values[name]!.shape, own[name]!.shape))
      throw new ShapeError(
        `functionalCall: ${name} has shape ${show(values[name]!.shape)}; the module's has ${show(own[name]!.shape)}.`,
      );
  return withValues(
    names.map((name) => own[name]!),
    names.map((name) => values[name]!),
    () => module.forward(...args) as ReturnType<M["forward"]>,
  );
}

/**
 * The parameters of several models of one architecture, stacked along a first dimension
 * (`torch.func.stack_module_state`): an ensemble that `vmap` runs as one.
 *
 * @throws ArgumentError for no models, or models with different parameters
 * @example
 * const values = stackModuleState(models);
 * vmap((v, x) => functionalCall(models[0], v, x), { inDims: [0, null] })(values, x); // [models, ...]
 */
export function stackModuleState(modules: readonly Module[]): Record<string, Tensor> {
  if (modules.length === 0) throw new ArgumentError("stackModuleState: pass at least one module.");
  const states = modules.map((m) => m.stateDict());
  const names = Object.keys(states[0]!);
  states.forEach((state, i) => {
    const fits = (name: string): boolean =>
      name in state && sameShape(state[name]!.shape, states[0]![name]!.shape);
    if (Object.keys(state).length !== names.length || !names.every(fits))
      throw new ArgumentError(
        `stackModuleState: module ${i} has other parameters than module 0; all must have one architecture.`,
      );
  });
  return scope(() =>
    Object.fromEntries(names.map((name) => [name, stack(states.map((state) => state[name]!))])),
  );
}
