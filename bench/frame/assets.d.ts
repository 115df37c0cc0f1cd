/** What the build inlines as text (`with { type: "text" }`). */

declare module "*/plots.js" {
  const text: string;
  export default text;
}
