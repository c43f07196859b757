'use strict';

const SAY_EVERY_MS = 30_000;

/** A reporter for Jest: says every half a minute how far a suite is. */
class JestProgress {
  #files = 0;
  #tests = 0;
  #failed = 0;
  #startedAt = Date.now();
  #timer = null;

  onRunStart({ numTotalTestSuites: total }) {
    this.#timer = setInterval(() => {
      const failed = this.#failed === 0 ? '' : `, ${this.#failed} failed`;
      const seconds = Math.round((Date.now() - this.#startedAt) / 1_000);
      process.stderr.write(`   … ${this.#files} of ${total} files, ${this.#tests} tests done${failed}, ${seconds} s\n`);
    }, SAY_EVERY_MS);
    this.#timer.unref();
  }

  onTestCaseResult(_test, { status }) {
    if (status === 'passed' || status === 'failed') this.#tests += 1;
    if (status === 'failed') this.#failed += 1;
  }

  onTestFileResult() {
    this.#files += 1;
  }

  onRunComplete() {
    clearInterval(this.#timer);
  }

  /** Jest asks for it: this reporter finds no fault. */
  getLastError() {}
}

module.exports = JestProgress;
