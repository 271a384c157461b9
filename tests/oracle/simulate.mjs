// Judges requests: a JSON array of simulations on standard input, on standard output an array of what became of each,
// "Allowed", "ImplicitlyDenied", "ExplicitlyDenied", or `error: …` for a simulation that is not in order.
import { readFileSync, writeFileSync } from "node:fs";
import { runSimulation } from "@cloud-copilot/iam-simulate";

const verdicts = [];
for (const simulation of JSON.parse(readFileSync(0, "utf8"))) {
  const done = await runSimulation(simulation, {});
  verdicts.push(done.resultType === "error" ? `error: ${JSON.stringify(done.errors)}` : done.overallResult);
}
writeFileSync(1, JSON.stringify(verdicts));
