/** Puts text into the clipboard, also where the clipboard API is missing (plain HTTP on a LAN). */
export async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copyBySelection(text);
  }
}

function copyBySelection(text) {
  const box = document.createElement("textarea");
  const focused = document.activeElement;
  box.className = "hidden";
  box.readOnly = true;
  box.value = text;
  document.body.append(box);
  box.select();
  let copied = false;
  try {
    copied = document.execCommand("copy");
  } catch {
    copied = false;
  }
  box.remove();
  focused?.focus?.();
  return copied;
}

/** Hands a file to the browser's downloads. */
export function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

/** A file's name with another ending. */
export function renamed(name, ending) {
  return `${name.replace(/\.[^.]{1,8}$/, "") || "text"}.${ending}`;
}
