/** Functions that are compiled once in a module and called: those too long to be repeated in place. */
import { Builder } from "../ir/builder";
import type { FunctionBody, Value } from "../ir/ir";

/** `build` as a function of vectors, called `math.name` in the module. */
export function called(
  name: string,
  arity: number,
  build: (b: Builder, ...args: Value[]) => Value,
): (b: Builder, ...args: Value[]) => Value {
  let body: FunctionBody | null = null;
  return (b, ...args) => {
    if (!body) {
      const inner = new Builder(`math.${name}`, new Array<"v128">(arity).fill("v128"));
      inner.return(build(inner, ...inner.parameters));
      body = inner.finish("v128");
    }
    return b.call(body, args);
  };
}
