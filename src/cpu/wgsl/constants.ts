/** Evaluation of constant expressions (WGSL, "Const Expressions"), on the values of `ConstantValue`. */
export { evaluateBuiltin } from "./constantBuiltins";
export {
  bitcastConstant,
  convertConstant,
  explicitConvert,
  zeroConstant,
} from "./constantConversions";
export { evaluateBinary, evaluateUnary } from "./constantOperators";
export { ConstantError, type ConstantValue } from "./constantValue";
