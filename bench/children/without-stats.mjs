// Loaded before a worker that is to keep no statistics: its statements go without what they would write of them.
import pg from "pg";

const { query } = pg.Client.prototype;
const stripped = new Map();

pg.Client.prototype.query = function (config, ...rest) {
  if (typeof config === "object" && STRIP[config.name] && typeof config.text === "string")
    config = { ...config, text: strip(config) };
  return query.call(this, config, ...rest);
};

const LATENCY = /\(\d+ \+ width_bucket\([\s\S]*?::float8\[\]\)\)/g;

const STRIP = {
  settle: (text) =>
    replaced(replaced(text, LATENCY, "null::integer"), /array_agg\(latency\)[^\n]*,/, "null,"),
  fold: (text) => replaced(text, /,\s*timed as[\s\S]*?(?=\n\s*select facts\.\*)/, ""),
};

function strip({ name, text }) {
  if (!stripped.has(text)) stripped.set(text, STRIP[name](text));
  return stripped.get(text);
}

// What is not found any more would be compared with itself.
function replaced(text, part, by) {
  if (text.search(part) < 0) throw new Error(`a statement has no ${part} to go without`);
  return text.replace(part, by);
}
