// The program of SchemaThread: one question, one answer. Plain JavaScript, so that it runs from its source as from dist.
'use strict';

const { parentPort, workerData } = require('node:worker_threads');
const { Ajv2020 } = require('ajv/dist/2020');

/** @param {{ schema: object, value?: unknown, mostFaults: number, mostChars: number }} question */
function answer({ schema, value, mostFaults, mostChars }) {
  const ajv = new Ajv2020({ strict: true, strictTypes: false, strictRequired: false, allErrors: true });
  let validate;
  try {
    validate = ajv.compile(schema);
  } catch (error) {
    return { fault: shorten(error.message, mostChars) };
  }
  if (value === undefined) return { faults: [] };
  validate(value);
  const faults = (validate.errors ?? []).slice(0, mostFaults).map(({ instancePath, message, params }) => {
    const name = params.additionalProperty ?? params.missingProperty;
    const at = instancePath === '' ? 'the result' : instancePath;
    return shorten(`${at} ${message}${params.additionalProperty ? ` ("${name}")` : ''}`, mostChars);
  });
  return { faults };
}

function shorten(text, most) {
  return text.length > most ? `${text.slice(0, most)}…` : text;
}

parentPort.postMessage(answer(workerData));
