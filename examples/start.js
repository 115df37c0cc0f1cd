/**
 * Loads the page.js of the page that links this file, and says so in the page where that fails. A file, since a strict
 * Content-Security-Policy runs no script that stands in the markup.
 */
import(new URL("page.js", document.baseURI).href).catch((error) => {
  const box = document.getElementById("startError");
  box.append(` ${error.message}`);
  box.hidden = false;
  document.getElementById("executor").textContent = "Not running.";
});
