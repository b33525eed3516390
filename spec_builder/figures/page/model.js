// A point's workspace, and what it expects: no page, no drawing. pyhf's functions and names are kept.
"use strict";

// Yields of files have 8 significant digits.
function roundYield(value) {
  return Number(value.toExponential(7));
}

// n0 + n1 x + n2 x^2 in each bin, at the mass of an index; coefficients by power, mass and bin.
function polynomial(coefficients, mass, x) {
  const [n0, n1, n2] = coefficients.map((power) => power[mass]);
  return n0.map((constant, bin) => constant + x * (n1[bin] + x * n2[bin]));
}

function total(events) {
  return events.reduce((sum, value) => sum + value, 0);
}

// Data of the modifiers of a signal sample that go with its yields, by name and type.
function signalData(law, uncertainties, nominal, variations) {
  const data = {};
  if (law === "linear") {
    for (const [name, size] of Object.entries(uncertainties)) {
      data[`${name}/histosys`] = {
        hi_data: nominal.map((events) => events * (1 + size)),
        lo_data: nominal.map((events) => events * (1 - size)),
      };
    }
  }
  for (const [name, ends] of Object.entries(variations)) {
    const sides = [ends.up, ends.down].map((side) => side.map(roundYield));
    if (law === "linear") {
      data[`${name}/histosys`] = { hi_data: sides[0], lo_data: sides[1] };
      continue;
    }
    // as is usual in HistFactory: the ratio of the totals, and the shape scaled to the nominal total
    const sum = total(nominal);
    const ratios = sides.map((side) => (sum ? total(side) / sum : 1));
    const shapes = sides.map((side, i) =>
      sum && ratios[i] ? side.map((events) => roundYield(events / ratios[i])) : nominal);
    data[`${name}/normsys`] = { hi: roundYield(ratios[0]), lo: roundYield(ratios[1]) };
    data[`${name}/histosys`] = { hi_data: shapes[0], lo_data: shapes[1] };
  }
  return data;
}

// The JSON patch (RFC 6902) of a point: new yields of every signal sample, and what goes with them.
function pointPatch(model, plane, mass, x) {
  const operations = [];
  model.workspace.channels.forEach((channel, i) => {
    channel.samples.forEach((sample, j) => {
      const yields = plane.yields[channel.name][sample.name];
      if (!yields) return;
      const path = `/channels/${i}/samples/${j}`;
      const nominal = polynomial(yields.nominal, mass, x).map(roundYield);
      operations.push({ op: "replace", path: `${path}/data`, value: nominal });
      const variations = {};
      for (const [name, ends] of Object.entries(yields.variations)) {
        variations[name] = { up: polynomial(ends.up, mass, x), down: polynomial(ends.down, mass, x) };
      }
      const sizes = model.uncertainties[channel.name][sample.name];
      const data = signalData(model.law, sizes, nominal, variations);
      sample.modifiers.forEach((modifier, k) => {
        const own = data[`${modifier.name}/${modifier.type}`];
        if (own) operations.push({ op: "replace", path: `${path}/modifiers/${k}/data`, value: own });
      });
    });
  });
  return operations;
}

// A copy of a workspace with a patch of replacements applied; the given measurement stands first.
function patched(workspace, operations, measurement) {
  const copy = JSON.parse(JSON.stringify(workspace));
  for (const { path, value } of operations) {
    const keys = path.split("/").slice(1);
    const last = keys.pop();
    keys.reduce((place, key) => place[key], copy)[last] = value;
  }
  copy.measurements.sort((a, b) => (b.name === measurement) - (a.name === measurement));
  return copy;
}

// HistFactory's code 4: a polynomial inside one standard deviation, exponentials outside.
function normsys(alpha, high, low) {
  if (alpha >= 1) return high ** alpha;
  if (alpha <= -1) return low ** -alpha;
  const [lh, ll] = [Math.log(high), Math.log(low)];
  const [even, odd] = [(high + low) / 2 - 1, (high - low) / 2];
  const [even1, odd1] = [(high * lh + low * ll) / 2, (high * lh - low * ll) / 2];
  const [even2, odd2] = [(high * lh * lh + low * ll * ll) / 2, (high * lh * lh - low * ll * ll) / 2];
  const a = [
    (15 * odd - 7 * odd1 + odd2) / 8, (24 * even - 9 * even1 + even2) / 8,
    (-5 * odd + 5 * odd1 - odd2) / 4, (-12 * even + 7 * even1 - even2) / 4,
    (3 * odd - 3 * odd1 + odd2) / 8, (8 * even - 5 * even1 + even2) / 8,
  ];
  return 1 + a.reduceRight((sum, term) => alpha * (term + sum), 0);
}

// HistFactory's code 4p: what is added to the nominal events of one bin.
function histosys(alpha, nominal, high, low) {
  const [up, down] = [high - nominal, nominal - low];
  if (alpha > 1) return alpha * up;
  if (alpha < -1) return alpha * down;
  const square = alpha * alpha;
  return (alpha * (up + down)) / 2 + ((up - down) / 16) * square * (15 + square * (3 * square - 10));
}

// Events of a sample at parameters theta.
function sampleEvents(sample, theta) {
  let factor = 1;
  const events = [...sample.data];
  for (const { name, type, data } of sample.modifiers) {
    if (type === "normfactor") factor *= theta[name];
    else if (type === "normsys") factor *= normsys(theta[name], data.hi, data.lo);
    else if (type === "histosys") {
      sample.data.forEach((nominal, bin) => {
        events[bin] += histosys(theta[name], nominal, data.hi_data[bin], data.lo_data[bin]);
      });
    } else throw new Error(`modifier ${name}: type ${type} is not one that this page knows`);
  }
  return events.map((value) => value * factor);
}

// Names of the parameters with a standard normal prior.
function constrained(workspace) {
  const names = new Set();
  for (const channel of workspace.channels) {
    for (const sample of channel.samples) {
      for (const { name, type } of sample.modifiers) if (type !== "normfactor") names.add(name);
    }
  }
  return [...names].sort();
}

// 2 (rate - d + d ln(d / rate)): a bin's chi^2 of Poisson counts.
function binChi2(observed, rate) {
  return 2 * (rate - observed + (observed > 0 ? observed * Math.log(observed / rate) : 0));
}

// What is expected at parameters theta: bins with their samples and chi^2, pulls, and both sums.
function evaluate(workspace, theta, signals) {
  const counts = Object.fromEntries(workspace.observations.map(({ name, data }) => [name, data]));
  const bins = [];
  for (const channel of workspace.channels) {
    const parts = channel.samples.map((sample) => ({
      name: sample.name,
      signal: sample.name in signals[channel.name],
      events: sampleEvents(sample, theta),
    }));
    counts[channel.name].forEach((observed, bin) => {
      const samples = parts.map(({ name, signal, events }) => ({ name, signal, events: events[bin] }));
      const expected = total(samples.map(({ events }) => events));
      bins.push({ channel: channel.name, bin, observed, samples, expected, chi2: binChi2(observed, expected) });
    });
  }
  const pulls = constrained(workspace).map((name) => ({ name, value: theta[name], chi2: theta[name] ** 2 }));
  return { bins, pulls, chi2: total([...bins, ...pulls].map((part) => part.chi2)) };
}

// ln(n!) of a whole number, and by Stirling's series of any other.
function logFactorial(n) {
  if (Number.isInteger(n) && n < 200) {
    let sum = 0;
    for (let k = 2; k <= n; k += 1) sum += Math.log(k);
    return sum;
  }
  let [z, shift] = [n + 1, 0];
  while (z < 20) { shift += Math.log(z); z += 1; }
  return (z - 0.5) * Math.log(z) - z + Math.log(2 * Math.PI) / 2 + 1 / (12 * z) - 1 / (360 * z ** 3) - shift;
}

// 2NLL with all its constants, as pyhf gives it.
function twiceNll(result) {
  const counts = total(result.bins.map(({ observed: d }) =>
    2 * (logFactorial(d) + (d > 0 ? d - d * Math.log(d) : 0))));
  return result.chi2 + counts + result.pulls.length * Math.log(2 * Math.PI);
}
