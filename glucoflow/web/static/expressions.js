// Evaluates chart expressions without eval, which the page's policy forbids: each is made into nested functions once.
// vega-interpreter walks the syntax tree for every value and took half of a page's drawing time; it still evaluates
// whatever is not known here, and a test holds both against each other.
"use strict";

const expressions = (() => {
  const slow = vega.expressionInterpreter;
  const CONSTANTS = { NaN, E: Math.E, LN2: Math.LN2, LN10: Math.LN10, PI: Math.PI, SQRT2: Math.SQRT2, MIN_VALUE: Number.MIN_VALUE, MAX_VALUE: Number.MAX_VALUE };
  const FORBIDDEN = new Set([Function, eval, setTimeout, setInterval]);
  const BINARY = {
    "*": (a, b) => a * b, "+": (a, b) => a + b, "-": (a, b) => a - b, "/": (a, b) => a / b, "%": (a, b) => a % b,
    ">": (a, b) => a > b, "<": (a, b) => a < b, "<=": (a, b) => a <= b, ">=": (a, b) => a >= b,
    "==": (a, b) => a == b, "!=": (a, b) => a != b, "===": (a, b) => a === b, "!==": (a, b) => a !== b, // eslint-disable-line eqeqeq
  };
  const UNARY = { "+": (a) => +a, "-": (a) => -a, "!": (a) => !a };
  const FUNCTIONS = {
    isNaN: Number.isNaN, isFinite: Number.isFinite, now: Date.now, time: (a) => new Date(a).getTime(),
    clamp: (a, low, high) => Math.max(low, Math.min(high, a)), length: (a) => a.length,
    replace: (a, found, by) => String(a).replace(found, by), upper: (a) => String(a).toUpperCase(), lower: (a) => String(a).toLowerCase(), trim: (a) => String(a).trim(),
  };
  for (const name of ["abs", "ceil", "cos", "exp", "floor", "log", "max", "min", "pow", "round", "sin", "sqrt"]) FUNCTIONS[name] = Math[name];

  class Unknown extends Error {}

  // Each maker takes a node and the functions of the chart, and gives (params, datum, event, item) => value.
  const MAKERS = {
    Literal: ({ value }) => () => value,
    Identifier({ name }) {
      if (name === "datum") return (_params, datum) => datum;
      if (name === "event") return (_params, _datum, event) => event;
      if (name === "item") return (_params, _datum, _event, item) => item;
      if (Object.hasOwn(CONSTANTS, name)) return () => CONSTANTS[name];
      const key = `$${name}`;
      return (params) => params[key];
    },
    MemberExpression({ object, property, computed }, functions) {
      const of = made(object, functions);
      const allowed = (value) => (typeof value === "function" && FORBIDDEN.has(value) ? undefined : value);
      if (!computed) {
        const name = property.name;
        return (p, d, e, i) => allowed(of(p, d, e, i)[name]);
      }
      const key = made(property, functions);
      return (p, d, e, i) => allowed(of(p, d, e, i)[key(p, d, e, i)]);
    },
    CallExpression({ callee, arguments: given }, functions) {
      const name = callee.name.replace(/^_/, ""), all = given.map((one) => made(one, functions)), [a, b, c] = all;
      if (name === "if") return (...s) => (a(...s) ? b(...s) : c(...s));
      const call = functions[name] || (Object.hasOwn(FUNCTIONS, name) && FUNCTIONS[name]);
      if (!call) throw new Unknown(name);
      if (all.length === 1) return (p, d, e, i) => call.call(functions, a(p, d, e, i));
      if (all.length === 2) return (p, d, e, i) => call.call(functions, a(p, d, e, i), b(p, d, e, i));
      return (p, d, e, i) => call.apply(functions, all.map((one) => one(p, d, e, i)));
    },
    ArrayExpression({ elements }, functions) {
      const all = elements.map((one) => made(one, functions));
      return (p, d, e, i) => all.map((one) => one(p, d, e, i));
    },
    BinaryExpression({ operator, left, right }, functions) {
      const of = BINARY[operator], a = made(left, functions), b = made(right, functions);
      if (!of) throw new Unknown(operator);
      return (p, d, e, i) => of(a(p, d, e, i), b(p, d, e, i));
    },
    UnaryExpression({ operator, argument }, functions) {
      const of = UNARY[operator], a = made(argument, functions);
      if (!of) throw new Unknown(operator);
      return (p, d, e, i) => of(a(p, d, e, i));
    },
    ConditionalExpression({ test, consequent, alternate }, functions) {
      const [a, b, c] = [test, consequent, alternate].map((one) => made(one, functions));
      return (p, d, e, i) => (a(p, d, e, i) ? b(p, d, e, i) : c(p, d, e, i));
    },
    LogicalExpression({ operator, left, right }, functions) {
      const a = made(left, functions), b = made(right, functions);
      return operator === "&&" ? (p, d, e, i) => a(p, d, e, i) && b(p, d, e, i) : (p, d, e, i) => a(p, d, e, i) || b(p, d, e, i);
    },
    ObjectExpression({ properties }, functions) {
      const all = properties.map(({ key, value }) => [key.type === "Identifier" ? key.name : key.value, made(value, functions)]);
      if (all.some(([name]) => vega.DisallowedObjectProperties.has(String(name)))) throw new Unknown("property");
      return (p, d, e, i) => Object.fromEntries(all.map(([name, of]) => [name, of(p, d, e, i)]));
    },
  };

  function made(node, functions) {
    if (!Object.hasOwn(MAKERS, node.type)) throw new Unknown(node.type);
    return MAKERS[node.type](node, functions);
  }

  function tried(make, otherwise) {
    try { return make(); } catch (error) { if (error instanceof Unknown) return otherwise(); throw error; }
  }

  const single = (kind, wrap) => (context, expression) =>
    tried(() => wrap(made(expression.ast, context.functions)), () => slow[kind](context, expression));

  // As in vega-interpreter: a second edge or a centre becomes a place and a length.
  function adjusted(item, channels, swap) {
    if (channels.x2) {
      if (channels.x) { if (swap && item.x > item.x2) [item.x, item.x2] = [item.x2, item.x]; item.width = item.x2 - item.x; }
      else item.x = item.x2 - (item.width || 0);
    }
    if (channels.xc) item.x = item.xc - (item.width || 0) / 2;
    if (channels.y2) {
      if (channels.y) { if (swap && item.y > item.y2) [item.y, item.y2] = [item.y2, item.y]; item.height = item.y2 - item.y; }
      else item.y = item.y2 - (item.height || 0);
    }
    if (channels.yc) item.y = item.yc - (item.height || 0) / 2;
  }

  function encode(context, expression) {
    const { marktype, channels } = expression, swap = ["group", "image", "rect"].includes(marktype);
    const all = Object.entries(channels).map(([name, { ast }]) => [name, made(ast, context.functions)]);
    return (item, params) => {
      let changed = 0;
      for (const [name, of] of all) {
        const value = of(params, item.datum, undefined, item);
        if (item[name] !== value) { item[name] = value; changed = 1; }
      }
      if (marktype !== "rule") adjusted(item, channels, swap);
      return changed;
    };
  }

  return {
    operator: single("operator", (of) => (params) => of(params)),
    parameter: single("parameter", (of) => (datum, params) => of(params, datum)),
    event: single("event", (of) => (event) => of(undefined, undefined, event)),
    handler: single("handler", (of) => (params, event) => of(params, event.item && event.item.datum, event)),
    encode: (context, expression) => tried(() => encode(context, expression), () => slow.encode(context, expression)),
  };
})();
