const ADDRESS = /^[^\s@<>,;:"()[\]\\]{1,64}@[^\s@<>,;:"()[\]\\]{1,253}$/;

/** Whether a text is one plain address: no names, lists or comments, in which others could be hidden. */
export function isEmailAddress(text: string): boolean {
  return ADDRESS.test(text);
}
