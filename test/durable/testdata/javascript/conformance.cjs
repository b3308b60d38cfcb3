// Handlers of AWS's conformance cases for AWS's own SDK. The runner invokes the function by the name of a
// case. The parent process polls the Runtime API, and the child has the handlers, because a case may end it.
const { fork } = require("node:child_process");
const sdk = require("@aws/durable-execution-sdk-js");

const seconds = (n) => ({ seconds: n });

const attempts = new Map(); // by execution
// once(c, n) is true in the first n calls within an execution.
const once = (c, n = 1) => {
  const seen = attempts.get(c.executionContext.durableExecutionArn) ?? 0;
  attempts.set(c.executionContext.durableExecutionArn, seen + 1);
  return seen < n;
};
const fail = (message = "no") => { throw new Error(message); };
class TransientError extends Error {
  name = "TransientError";
}
// crash ends the process once the start of a step is stored.
const crash = async (c) => {
  const path = "/2025-12-01/durable-executions/" + encodeURIComponent(c.executionContext.durableExecutionArn) + "/history";
  let history;
  do {
    history = await (await fetch(process.env.AWS_ENDPOINT_URL_LAMBDA + path)).text();
  } while (!history.includes("StepStarted"));
  process.exit(1);
};
const transient = (mayRetry) => ({
  retryStrategy: (e, attempt) => ({ shouldRetry: mayRetry && e instanceof TransientError && attempt < 3, delay: seconds(1) }),
});
const retry = (attempts, first = 1, factor = 1) => ({
  retryStrategy: sdk.createRetryStrategy({
    maxAttempts: attempts, initialDelay: { seconds: first }, backoffRate: factor, maxDelay: { seconds: 1000 }, jitter: sdk.JitterStrategy.NONE,
  }),
});
const none = { retryStrategy: () => ({ shouldRetry: false }) };
const upper = { serialize: async (x) => JSON.stringify(String(x).toUpperCase()), deserialize: async (text) => text && JSON.parse(text) };
const wrapped = { serialize: async (x) => "wrapped:" + x, deserialize: async (text) => text && text.replace("wrapped:", "") };
const json = { deserialize: async (text) => text && JSON.parse(text) };
const submit = async () => {};
const failure = (p, value) => p.catch((e) => (typeof value === "function" ? value(e) : value));

// invoke passes undefined as the name, since a text would else be taken for the function's name.
const invoke = (c, ...rest) => c.invoke(undefined, ...rest);
const callBack = async (c, name, config) => {
  const [promise] = await c.createCallback(name, config);
  return promise;
};
const withWait = async (c, name, n, config) => {
  const [promise] = await c.createCallback(name, config);
  await c.wait(seconds(n));
  return promise;
};
const countTo = (c, target, { state = 0, every = 1, most = 1000 } = {}) => c.waitForCondition(undefined, async (s) => s + 1, {
  initialState: state,
  waitStrategy: (s, attempt) => s >= target ? { shouldContinue: false } : attempt >= most ? fail("too many attempts") : { shouldContinue: true, delay: seconds(every) },
});
const full = ["completionReason", "status", "successCount", "failureCount", "totalCount"];
const counts = ["completionReason", "successCount", "failureCount", "totalCount"];
const project = async (batch, names) => {
  const b = await batch;
  return Object.fromEntries(names.map((name) => [name, b[name]]));
};
const raised = async (batch) => {
  const b = await batch;
  b.throwIfError();
  return b.getResults();
};
const results = async (batch) => (await batch).getResults();
const both = (c, branches, config = {}) => c.parallel(config.name, branches.map((f) => (inner) => f(inner)), { maxConcurrency: 1, ...config });
const each = (c, items, f, config = {}) => c.map(config.name, items, (inner, item, i) => f(inner, item, i), { maxConcurrency: 1, ...config });
const value = (x) => async () => x;
const thrown = async () => fail();
const failing = (...which) => async (c, i) => (which.includes(i) ? fail() : "ok");
const opserde = {
  serialize: async (batch) => "OPSERDE:" + batch.getResults().join(","),
  deserialize: async (text) => text && { getResults: () => text.replace("OPSERDE:", "").split(",") },
};
const tolerate = (n) => ({ completionConfig: { toleratedFailureCount: n } });

const cases = {
  "1-1": (e, c) => c.step(async () => `Hello, ${e}!`),
  "1-2": (e, c) => c.step("custom_step_name", async () => `Hello, ${e}!`),
  "1-4": (e, c) => c.step(async () => ({ user: { name: e.name, tags: e.tags }, count: e.tags.length })),
  "1-5": (e, c) => c.step(async () => null),
  "1-6": (e, c) => c.step(undefined, async () => e, { serdes: upper }),
  "1-7": (e, c) => c.step(async (step) => {
    step.logger.info("Greeting step started for: " + e);
    step.logger.info(`Greeting step completed with: Hello, ${e}!`);
    return `Hello, ${e}!`;
  }),
  "1-9": async (e, c) => {
    const x = await c.step(async () => "cached_value");
    await c.wait(seconds(1));
    return x;
  },
  "1-10": async (e, c) => {
    await failure(c.step(undefined, async () => fail("step failed"), none));
    await c.wait(seconds(1));
    return "done";
  },
  "1-11": (e, c) => c.step(undefined, async () => (once(c) ? fail("not yet") : "Operation succeeded"), retry(3)),
  "1-12": (e, c) => c.step(undefined, async () => fail("always"), retry(4)),
  "1-14": (e, c) => c.step(undefined, async () => (once(c, 2) ? fail("not yet") : "ok"), retry(4, 2, 3)),
  "1-15": (e, c) => c.step(undefined, async () => {
    if (once(c)) throw new TransientError("not yet");
    return "ok";
  }, transient(true)),
  "1-16": (e, c) => c.step(undefined, async () => { throw new TransientError("never"); }, transient(false)),
  "1-17": (e, c) => c.step("at_most_once_flaky_step", async (step) => {
    step.logger.info(e);
    await crash(c);
  }, { ...none, semantics: sdk.StepSemantics.AtMostOncePerRetry }),
  "1-19": (e, c) => c.step(undefined, async () => fail("always"), none),
  "1-20": (e, c) => c.step(undefined, async () => fail(), none).catch(() => c.step(async () => "fallback_result")),

  "2-1": (e, c) => c.wait(seconds(2)),
  "2-2": (e, c) => c.wait("custom_wait_name", seconds(2)),
  "2-4": (e, c) => c.wait({ minutes: 1 }),
  "2-5": (e, c) => c.wait({ hours: 1 }),

  "3-1": (e, c) => c.runInChildContext((k) => k.step(async () => e)),
  "3-2": (e, c) => c.runInChildContext(e.name, (k) => k.step(async () => e.value)),
  "3-4": (e, c) => c.runInChildContext("child", (k) => k.step(undefined, async () => fail("inner"), none)),
  "3-5": (e, c) => c.runInChildContext((k) => k.step(undefined, async () => fail("inner"), none)).catch(() => c.step(async () => e)),
  "3-6": (e, c) => c.runInChildContext("outer", async (k) => {
    await k.step(async () => e);
    return k.runInChildContext("inner", (kk) => kk.step(async () => e));
  }),
  "3-7": (e, c) => c.runInChildContext("child", (k) => k.step(undefined, async () => (once(c) ? fail("not yet") : e), retry(2))),
  "3-9": async (e, c) => {
    const x = await c.runInChildContext((k) => k.step(async () => e));
    await c.wait(seconds(1));
    return x;
  },
  "3-10": (e, c) => c.runInChildContext("child", async (k) => {
    await k.step(async () => e);
    await k.wait(seconds(1));
    return e;
  }),
  "3-11": async (e, c) => {
    const x = await c.runInChildContext("large", async (k) => {
      k.configureLogger({ modeAware: false });
      k.logger.info(e);
      return (await k.step(async () => "x")).repeat(300000);
    });
    await c.wait(seconds(1));
    return x.length;
  },
  "3-12": (e, c) => c.runInChildContext((k) => k.step(async () => (once(c) ? crash(c) : e))),
  "3-14": (e, c) => c.runInChildContext("child", (k) => k.step(async () => e), {
    serdes: { serialize: async (x) => x.toUpperCase(), deserialize: async (text) => text },
  }),
  "3-15": (e, c) => c.runInChildContext("child", async () => fail("direct")),
  "3-16": (e, c) => c.runInChildContext("child", async () => null),
  "3-17": async (e, c) => {
    const x = await c.runInChildContext("child", async (k) => {
      k.configureLogger({ modeAware: false });
      k.logger.info(e);
      return e;
    });
    await c.wait(seconds(1));
    return x;
  },

  "4-1": (e, c) => callBack(c, e),
  "4-2": (e, c) => callBack(c, "approval"),
  "4-4": (e, c) => callBack(c, e, { heartbeatTimeout: seconds(5) }),
  "4-5": (e, c) => callBack(c, e, { heartbeatTimeout: seconds(10) }),
  "4-6": (e, c) => callBack(c, e),
  "4-7": async (e, c) => {
    const [promise] = await c.createCallback(e);
    await c.step(async () => "done");
    return promise;
  },
  "4-9": (e, c) => withWait(c, e, 5),
  "4-10": (e, c) => withWait(c, e, 5),
  "4-11": (e, c) => withWait(c, e, 6, { timeout: seconds(3) }),
  "4-12": async (e, c) => {
    const x = await callBack(c, e);
    await c.wait(seconds(2));
    return x;
  },
  "4-14": async (e, c) => {
    await failure(callBack(c, e, { timeout: seconds(3) }));
    await c.wait(seconds(2));
    return "done";
  },
  "4-15": async (e, c) => {
    const received = await callBack(c, e, { serdes: { deserialize: async (text) => {
      const value = text && JSON.parse(text);
      return value && { ...value, timestamp: new Date(value.timestamp) };
    } } });
    return { received: { ...received, timestamp: received.timestamp.getTime() / 1000 } };
  },
  "4-16": async (e, c) => {
    const count = await callBack(c, e, { serdes: { deserialize: async (text) => Number(text) } });
    return { count, doubled: 2 * count };
  },
  "4-17": async (e, c) => [await callBack(c, e[0]), await callBack(c, e[1])],
  "4-19": async (e, c) => {
    const [a] = await c.createCallback(e[0]);
    const [b] = await c.createCallback(e[1]);
    const resultB = await b;
    return [await a, resultB];
  },

  "5-1": (e, c) => invoke(c, "echo", e),
  "5-2": (e, c) => c.invoke(e.name, "echo", e.payload),
  "5-4": (e, c) => invoke(c, "echo", null),
  "5-5": (e, c) => invoke(c, "broken", null),
  "5-6": (e, c) => failure(invoke(c, "broken", null), "fallback"),
  "5-7": async (e, c) => (await invoke(c, "echo", "x".repeat(200000))).length,
  "5-9": async (e, c) => {
    const x = await invoke(c, "echo", "x");
    await c.wait(seconds(1));
    return x;
  },
  "5-10": async (e, c) => {
    const x = await failure(invoke(c, "broken", null), "caught");
    await c.wait(seconds(1));
    return x;
  },
  "5-11": async (e, c) => invoke(c, "echo", await c.step(async () => "from step")),
  "5-12": async (e, c) => {
    const x = await invoke(c, "echo", "x");
    return c.step(async () => x + "!");
  },
  "5-14": async (e, c) => invoke(c, "echo", (await invoke(c, "echo", "one")) + " two"),
  "5-15": (e, c) => invoke(c, "echo", e.data, { payloadSerdes: upper }),
  "5-16": (e, c) => invoke(c, "echo", e, { resultSerdes: { deserialize: async (text) => text && text.toUpperCase() } }),

  "6-1": (e, c) => countTo(c, e),
  "6-2": (e, c) => c.waitForCondition(undefined, async (s) => s, { initialState: 5, waitStrategy: () => ({ shouldContinue: false }) }),
  "6-4": (e, c) => countTo(c, e, { state: 5 }),
  "6-5": (e, c) => countTo(c, e, { every: 2 }),
  "6-6": (e, c) => countTo(c, 1000, { most: 3 }),
  "6-7": (e, c) => c.waitForCondition(undefined, async () => fail("check failed"), { initialState: 0, waitStrategy: () => ({ shouldContinue: false }) }),
  "6-9": (e, c) => c.waitForCondition(undefined, async ({ attempts }) => ({ status: attempts >= 1 ? "DONE" : "PENDING", attempts: attempts + 1 }), {
    initialState: { status: "PENDING", attempts: 0 },
    waitStrategy: (s) => ({ shouldContinue: s.status === "PENDING", delay: seconds(1) }),
  }),
  "6-10": (e, c) => c.waitForCondition(undefined, async () => null, { initialState: null, waitStrategy: () => ({ shouldContinue: false }) }),
  "6-11": (e, c) => c.waitForCondition(undefined, async (s) => s + "x", {
    initialState: "", serdes: wrapped, waitStrategy: (s) => ({ shouldContinue: s.length < 2, delay: seconds(1) }),
  }),
  "6-12": async (e, c) => {
    const x = await countTo(c, e);
    return c.step(async () => x * 10);
  },

  "7-1": (e, c) => c.waitForCallback(e, submit),
  "7-2": (e, c) => c.waitForCallback("approval", submit),
  "7-4": (e, c) => c.waitForCallback(e, submit),
  "7-5": (e, c) => c.waitForCallback(e, submit, { timeout: seconds(3) }),
  "7-6": (e, c) => failure(c.waitForCallback(e, submit), "recovered"),
  "7-7": (e, c) => c.waitForCallback(e, async () => fail("submit failed"), retry(2)),
  "7-9": async (e, c) => {
    await c.waitForCallback("first", submit);
    return c.waitForCallback("second", submit);
  },
  "7-10": async (e, c) => {
    await c.wait(seconds(1));
    await c.step(async () => ({ user: 1 }));
    return c.waitForCallback(e, submit);
  },
  "7-11": async (e, c) => (await c.waitForCallback(e, submit, { serdes: json })).status,
  "7-12": (e, c) => c.waitForCallback(e, submit, { heartbeatTimeout: seconds(5) }),
  "7-14": (e, c) => failure(c.waitForCallback(e, submit, { timeout: seconds(3) }), "timed-out-handled"),
  "7-15": (e, c) => c.waitForCallback(e, submit),

  "8-1": (e, c) => results(both(c, [(k) => k.step(value("task-1")), (k) => k.step(value("task-2"))], { name: "parallel" })),
  "8-2": (e, c) => results(both(c, [value("alpha"), value("beta")])),
  "8-4": (e, c) => results(both(c, [value("hello"), value(42), value({ k: "v" })])),
  "8-5": (e, c) => results(both(c, [])),
  "8-6": (e, c) => project(both(c, [value("ok"), thrown, value("never")], tolerate(0)), full),
  "8-7": (e, c) => raised(both(c, [thrown, value("never")], tolerate(0))),
  "8-9": (e, c) => project(both(c, [value("ok"), thrown, value("ok")], tolerate(1)), full),
  "8-10": (e, c) => project(both(c, [thrown, thrown, value("never")], tolerate(1)), counts),
  "8-11": (e, c) => results(both(c, [value("r0"), value("r1"), value("r2")], { maxConcurrency: 2 })),
  "8-12": (e, c) => results(both(c, [(k) => k.step(value("fa")), (k) => k.step(value("fb"))], { nesting: sdk.NestingType.FLAT })),
  "8-14": (e, c) => results(both(c, [(k) => k.step(value("b0")), async (k) => {
    await k.wait(seconds(2));
    return "b1";
  }])),
  "8-15": (e, c) => results(both(c, [value("x"), value("y")], { itemSerdes: wrapped })),
  "8-16": (e, c) => project(both(c, [thrown, thrown, thrown], tolerate(3)), full),
  "8-17": (e, c) => project(both(c, [value("ok"), thrown, value("ok")], { completionConfig: { minSuccessful: 3 } }), full),
  "8-19": (e, c) => both(c, [value("a"), value("b")], { maxConcurrency: 0 }),
  "8-20": async (e, c) => {
    const batch = await both(c, [value("ok"), thrown, value("ok")], tolerate(1));
    return {
      hasFailure: batch.hasFailure, successCount: batch.succeeded().length, failureCount: batch.failed().length, errorCount: batch.getErrors().length,
    };
  },
  "8-21": (e, c) => results(both(c, [(k) => results(both(k, [(i) => i.step(value("i1")), (i) => i.step(value("i2"))]))])),
  "8-22": (e, c) => project(both(c, [thrown, value(1), value(2), value(3)], { completionConfig: { toleratedFailurePercentage: 25 } }), full),

  "9-1": (e, c) => results(each(c, e, (k, x) => k.step(async () => `Hello, ${x}!`), { name: "map" })),
  "9-2": (e, c) => results(each(c, e, async (k, x) => 2 * x)),
  "9-4": (e, c) => results(each(c, e, async (k, x) => x)),
  "9-5": (e, c) => project(each(c, [1, 2, 3], failing(2), tolerate(0)), full),
  "9-6": (e, c) => raised(each(c, [1, 2], failing(1), tolerate(0))),
  "9-7": (e, c) => project(each(c, [1, 2, 3, 4], failing(), { completionConfig: { minSuccessful: 2 } }), ["completionReason", "successCount", "totalCount"]),
  "9-9": (e, c) => project(each(c, [1, 2, 3], failing(1, 2), tolerate(1)), counts),
  "9-10": (e, c) => project(each(c, [0, 1, 2, 3], failing(0, 1), { completionConfig: { toleratedFailurePercentage: 25 } }), counts),
  "9-11": (e, c) => results(each(c, ["r0", "r1", "r2"], async (k, x) => x, { maxConcurrency: 2 })),
  "9-12": (e, c) => results(each(c, ["fa", "fb"], (k, x) => k.step(async () => x), { nesting: sdk.NestingType.FLAT })),
  "9-14": (e, c) => results(each(c, ["x", "y"], async (k, x) => x.toUpperCase(), { itemSerdes: wrapped })),
  "9-15": (e, c) => results(each(c, [0, 1], async (k, i) => {
    if (i === 1) await k.wait(seconds(1));
    return k.step(async () => "r" + i);
  })),
  "9-16": (e, c) => project(each(c, [1, 2, 3, 4], async () => "x".repeat(70000)), ["successCount", "totalCount"]),
  "9-17": async (e, c) => {
    const batch = await each(c, ["a", "b"], async (k, x) => x.toUpperCase());
    await c.wait(seconds(1));
    return batch.getResults();
  },
  "9-19": async (e, c) => (await each(c, ["x", "y"], async (k, x) => x.toUpperCase(), { serdes: opserde })).getResults(),
  "9-20": async (e, c) => {
    const batch = await each(c, ["x", "y"], async (k, x) => x.toUpperCase(), { serdes: opserde });
    await c.wait(seconds(1));
    return batch.getResults();
  },
};

// handle runs the handler of a case in the child.
async function handle({ event, context, crashed }) {
  if (crashed) attempts.set(event.DurableExecutionArn, 1);
  context.getRemainingTimeInMillis = () => context.deadline - Date.now();
  const name = context.invokedFunctionArn.replace(/.*:function:case-/, "");
  try {
    process.send({ verb: "/response", answer: await sdk.withDurableExecution(cases[name])(event, context) });
  } catch (e) {
    process.send({ verb: "/error", answer: { errorType: e.name, errorMessage: e.message } });
  }
}

// run passes an invocation to the child, and returns its answer.
function run(child, invocation) {
  return new Promise((resolve) => {
    const ended = (code) => resolve({
      crashed: true, verb: "/error", answer: { errorType: "Runtime.ExitError", errorMessage: `Runtime exited with error: exit status ${code}` },
    });
    child.once("exit", ended);
    child.once("message", (answer) => {
      child.off("exit", ended);
      resolve(answer);
    });
    child.send(invocation);
  });
}

async function serve() {
  const api = `http://${process.env.AWS_LAMBDA_RUNTIME_API}/2018-06-01/runtime/invocation`;
  const crashed = new Set(); // executions
  let child = fork(__filename, ["child"]);
  for (;;) {
    const next = await fetch(api + "/next");
    const id = next.headers.get("lambda-runtime-aws-request-id");
    const context = {
      awsRequestId: id, invokedFunctionArn: next.headers.get("lambda-runtime-invoked-function-arn"),
      functionName: "conformance", functionVersion: "$LATEST", deadline: Number(next.headers.get("lambda-runtime-deadline-ms")),
    };
    const event = await next.json();
    const answer = await run(child, { event, context, crashed: crashed.has(event.DurableExecutionArn) });
    if (answer.crashed) {
      crashed.add(event.DurableExecutionArn);
      child = fork(__filename, ["child"]);
    }
    await fetch(`${api}/${id}${answer.verb}`, { method: "POST", body: JSON.stringify(answer.answer ?? null) });
  }
}

if (process.argv[2] === "child") {
  process.on("message", handle);
} else {
  console.log("cases:", Object.keys(cases).join(" "));
  serve();
}
