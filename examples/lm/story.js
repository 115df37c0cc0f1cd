/**
 * The text to begin with: small tales that a grammar tells, the same on every run. A model of 100,000 parameters
 * learns their words and then their sentences within minutes, so that one can watch it do so.
 */

const words = {
  name: ["Ada", "Bruno", "Clara", "Edgar", "Hanna", "Igor", "Mina", "Otto", "Rosa", "Theo"],
  animal: ["badger", "crow", "fox", "hare", "hedgehog", "heron", "mouse", "otter", "owl", "toad"],
  kind: ["brave", "clever", "gentle", "hungry", "merry", "old", "quiet", "small", "sleepy", "wise"],
  place: ["bridge", "garden", "harbour", "hill", "market", "meadow", "mill", "orchard", "river"],
  thing: ["apple", "bell", "button", "candle", "key", "kite", "lantern", "letter", "ring", "song"],
  deed: ["borrowed", "carried", "dropped", "found", "hid", "lost", "mended", "painted", "sold"],
  time: ["At dawn", "One evening", "In spring", "Last winter", "After the rain", "Before supper"],
  saying: [
    "Who goes slowly goes far",
    "A friend is worth more than gold",
    "Every river finds the sea",
    "The moon keeps every secret",
    "What is given comes back",
  ],
};

const sentences = [
  "{time} the {kind} {animal} went down to the {place}.",
  "{time} {name} {deed} a {thing} near the {place}.",
  '"Where is my {thing}?" asked {name}.',
  '"I saw it by the {place}," said the {animal}.',
  "{name} thanked the {kind} {animal} and gave it a {thing}.",
  "Nobody knew who had {deed} the {thing}, not even the {animal}.",
  "The {animal} and the {animal} danced around the {place} until it was dark.",
  '"{saying}," said {name}, and the {kind} {animal} agreed.',
];

/** Numerical Recipes' quick generator: x' = 1664525 x + 1013904223 modulo 2^32. */
function* numbers(seed) {
  for (let x = seed; ; ) {
    x = (Math.imul(x, 1664525) + 1013904223) >>> 0;
    yield x / 2 ** 32;
  }
}

/**
 * @param {number} [length] characters, at least; default 40,000
 * @param {number} [seed]
 * @returns {string} tales of three to seven sentences, a blank line between them
 */
export function story(length = 40_000, seed = 7) {
  const draws = numbers(seed);
  const pick = (list) => list[Math.floor(draws.next().value * list.length)];
  const sentence = () => pick(sentences).replace(/\{(\w+)\}/g, (_, kind) => pick(words[kind]));
  let text = "";
  while (text.length < length) {
    const count = 3 + Math.floor(draws.next().value * 5);
    text += `${Array.from({ length: count }, sentence).join(" ")}\n\n`;
  }
  return text;
}
