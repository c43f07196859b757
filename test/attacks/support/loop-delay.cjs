// Loaded before an app whose event loop is watched: at SIGUSR2 it says how long the loop stood still at most since the last time.
const { monitorEventLoopDelay } = require('node:perf_hooks');

const RESOLUTION_MS = 5;
const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
delay.enable();
process.on('SIGUSR2', () => {
  console.log(`longest stop ${Math.max(0, delay.max / 1e6 - RESOLUTION_MS).toFixed(0)} ms`);
  delay.reset();
});
