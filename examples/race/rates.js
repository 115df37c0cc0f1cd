/**
 * Rates to begin with. Of surfaces: of 1 and 3 times the powers of ten from 1e-4 to 1, the one with the least value after
 * 300 steps from the usual start, as `node examples/race --surface <name> --search` finds it. Of the networks: such as
 * each rule is commonly used with.
 */
export const rates = {
  rosenbrock: {
    sgd: 0.003,
    adamw: 1,
    lion: 0.01,
    muon: 0.01,
    shampoo: 0.3,
    soap: 0.03,
    sophia: 0.03,
    scheduleFree: 0.3,
  },
  beale: {
    sgd: 0.003,
    adamw: 1,
    lion: 0.01,
    muon: 0.3,
    shampoo: 3,
    soap: 3,
    sophia: 0.3,
    scheduleFree: 1,
  },
  himmelblau: {
    sgd: 0.0001,
    adamw: 0.03,
    lion: 0.03,
    muon: 0.03,
    shampoo: 0.03,
    soap: 0.1,
    sophia: 0.1,
    scheduleFree: 0.3,
  },
  saddle: {
    sgd: 0.003,
    adamw: 0.03,
    lion: 0.1,
    muon: 0.03,
    shampoo: 0.01,
    soap: 0.03,
    sophia: 0.03,
    scheduleFree: 0.3,
  },
  ravine: {
    sgd: 0.003,
    adamw: 0.3,
    lion: 0.03,
    muon: 0.03,
    shampoo: 0.1,
    soap: 0.1,
    sophia: 0.3,
    scheduleFree: 0.1,
  },
  spirals: {
    sgd: 0.1,
    adamw: 0.01,
    lion: 0.001,
    muon: 0.02,
    shampoo: 0.01,
    soap: 0.01,
    sophia: 0.003,
    scheduleFree: 0.03,
  },
};
