// Formulas, which Markdown leaves as \(...\) in a line and \[...\] on a line of their own, are set by KaTeX.
for (const formula of document.querySelectorAll(".arithmatex")) {
  const text = formula.textContent.trim();
  katex.render(text.slice(2, -2), formula, { displayMode: text.startsWith("\\["), throwOnError: false });
}
