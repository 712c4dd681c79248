// Links that hold a tune: #abc= and its ABC, deflated, in letters that addresses may have.

const LONGEST = 40_000; // characters of a tune

async function through(bytes, transform, most) {
  const reader = new Blob([bytes]).stream().pipeThrough(transform).getReader();
  const parts = [];
  let size = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return new Uint8Array(await new Blob(parts).arrayBuffer());
    size += value.length;
    if (size > most) {
      await reader.cancel();
      throw new Error("The tune in this link is too long.");
    }
    parts.push(value);
  }
}

export async function linkTo(abc) {
  const bytes = new TextEncoder().encode(withoutRecipe(abc));
  const packed = await through(bytes, new CompressionStream("deflate-raw"), Infinity);
  const letters = btoa(String.fromCharCode(...packed));
  const safe = letters.replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
  return `${location.origin}/#abc=${safe}`;
}

export async function tuneIn(hash) {
  const letters = hash.slice("#abc=".length).replaceAll("-", "+").replaceAll("_", "/");
  try {
    const packed = Uint8Array.from(atob(letters), (letter) => letter.charCodeAt(0));
    const bytes = await through(packed, new DecompressionStream("deflate-raw"), 4 * LONGEST);
    return new TextDecoder().decode(bytes).slice(0, LONGEST);
  } catch (error) {
    throw new Error(error.message.startsWith("The tune") ? error.message : "This link holds no tune.");
  }
}

// A tune without the comments from which it can be composed again.
export function withoutRecipe(abc) {
  return abc.split("\n").filter((line) => !line.startsWith("%abcgen ")).join("\n");
}
