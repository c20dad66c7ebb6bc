// Checks an AsyncAPI document with AsyncAPI's own parser: node check.cjs FILE
const { readFileSync } = require("fs");
const { Parser } = require("@asyncapi/parser");

const HINT = 2; // warnings are 1, errors 0; "there is a newer AsyncAPI" is a hint

new Parser().validate(readFileSync(process.argv[2], "utf8")).then((findings) => {
  const faults = findings.filter(({ severity }) => severity < HINT);
  for (const { message, path } of faults) console.error(`${path.join(".")}: ${message}`);
  process.exitCode = faults.length ? 1 : 0;
});
