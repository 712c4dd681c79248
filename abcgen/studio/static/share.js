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

async function packed(abc, format) {
  const bytes = new TextEncoder().encode(withoutRecipe(abc));
  const deflated = await through(bytes, new CompressionStream(format), Infinity);
  const letters = btoa(String.fromCharCode(...deflated));
  return letters.replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

export async function linkTo(abc) {
  return `${location.origin}/#abc=${await packed(abc, "deflate-raw")}`;
}

// Links that open a tune in other editors, by the name of each. The tune is in the address, which
// is sent to the editor's site.
export async function linksElsewhere(abc) {
  const plain = encodeURIComponent(withoutRecipe(abc));
  return {
    abcjs: `https://editor.drawthedots.com/?t=${plain}`,
    abctools: `https://michaeleskin.com/abctools/abctools.html?def=${await packed(abc, "deflate")}`,
  };
}

export async function tuneIn(hash) {
  const letters = hash.slice("#abc=".length).replaceAll("-", "+").replaceAll("_", "/");
  try {
    const deflated = Uint8Array.from(atob(letters), (letter) => letter.charCodeAt(0));
    const bytes = await through(deflated, new DecompressionStream("deflate-raw"), 4 * LONGEST);
    return new TextDecoder().decode(bytes).slice(0, LONGEST);
  } catch (error) {
    throw new Error(error.message.startsWith("The tune") ? error.message : "This link holds no tune.");
  }
}

// A tune without the comments from which it can be composed again.
export function withoutRecipe(abc) {
  return abc.split("\n").filter((line) => !line.startsWith("%abcgen ")).join("\n");
}
