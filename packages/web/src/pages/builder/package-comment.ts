const COMMENT = /^#\s*(?:millrace|pipedream)\s+add-package\s+(\S.*)$/i;

/** The name that a requirement begins with, as registries compare names. */
function nameOf(requirement: string): string {
  return (/^[A-Za-z0-9._-]+/.exec(requirement)?.[0] ?? "").toLowerCase().replaceAll(/[-_.]+/g, "-");
}

/** Code that asks for a package by a comment, in place of one that it may have asked for before. */
export function withPackage(code: string, before: string, requirement: string): string {
  const comment = `# millrace add-package ${requirement}`;
  const lines = code.split("\n");
  const replaced = new Set([nameOf(before), nameOf(requirement)]);
  const at = lines.findIndex((line) => replaced.has(nameOf(COMMENT.exec(line.trim())?.[1] ?? "")));
  if (at >= 0) return lines.with(at, comment).join("\n");
  return [comment, ...lines].join("\n");
}
