/** What the build inlines as text (`with { type: "text" }`). */

declare module "uplot/dist/uPlot.iife.min.js" {
  const text: string;
  export default text;
}

declare module "uplot/dist/uPlot.min.css" {
  const text: string;
  export default text;
}

declare module "*/page.css" {
  const text: string;
  export default text;
}

declare module "*/page.js" {
  const text: string;
  export default text;
}
