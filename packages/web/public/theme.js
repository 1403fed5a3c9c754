// Before the first paint, so that no page flashes in the other theme. A file of its own: the policy of the page forbids inline script.
try {
  const chosen = localStorage.getItem("millrace.theme");
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
} catch {
  // Storage is forbidden: the system's theme counts.
}
