'use strict';
/* global jest -- this file runs inside Jest */
// How long one test may take: generous, because a bound is no measurement and machines are busy. Set here since Jest
// does not take `testTimeout` from a project's configuration.
jest.setTimeout(120_000);
