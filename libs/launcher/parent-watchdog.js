'use strict';
// Loaded before an app that the launcher starts: when the launcher is gone (kill -9, a closed terminal), the channel to
// it breaks, and the app ends as at SIGTERM, so that nothing is left running unnoticed.
process.on('disconnect', () => process.kill(process.pid, 'SIGTERM'));
// The channel alone must not keep the process alive.
process.channel?.unref();
