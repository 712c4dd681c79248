// The bars of a picture: where they are, and colour over them.

// The measures of the picture that is seen, in order.
export function measuresIn(sheet) {
  const pictures = [...sheet.querySelectorAll("svg")];
  const seen = pictures.find((one) => one.getClientRects().length);
  return seen ? [...seen.querySelectorAll(".measure")] : [];
}

// Colours a measure with an element of a class, and returns it.
export function cover(sheet, measure, className) {
  const whole = sheet.getBoundingClientRect();
  // The lines of the staff and as much above and below: words would make some higher.
  const lines = [...measure.querySelectorAll(".staff > path")].map((one) => one.getBoundingClientRect());
  const place = lines[0] ?? measure.getBoundingClientRect();
  const height = (lines.at(-1) ?? place).bottom - place.top;
  const cover = document.createElement("div");
  cover.className = className;
  cover.style.left = `${(100 * (place.left - whole.left)) / whole.width}%`;
  cover.style.width = `${(100 * place.width) / whole.width}%`;
  cover.style.top = `${(100 * (place.top - height / 2 - whole.top)) / whole.height}%`;
  cover.style.height = `${(200 * height) / whole.height}%`;
  sheet.append(cover);
  return cover;
}

export function uncover(sheet, className) {
  sheet.querySelectorAll(`.${className}`).forEach((one) => one.remove());
}
