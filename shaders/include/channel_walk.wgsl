// How a team goes through a channel of a batch: element n of it lies at base + sample * stride + within, within
// counting up to `inner`, the Vs that lie side by side. Starting at its own lane, an invocation goes on by TEAM
// elements at a time without dividing. The including kernel declares TEAM and has the parameters `channels`
// and `inner`.
struct Place {
  sample: u32,
  within: u32,
}

fn first_place(lane: u32) -> Place {
  return Place(lane / params.inner, lane % params.inner);
}

fn next_place(place: Place) -> Place {
  var sample = place.sample + TEAM / params.inner;
  var within = place.within + TEAM % params.inner;
  if (within >= params.inner) {
    within -= params.inner;
    sample++;
  }
  return Place(sample, within);
}

// Where channel `row % channels` of batch `row / channels` starts; `depth` samples to a batch.
fn channel_base(row: u32, depth: u32) -> u32 {
  let batch = row / params.channels;
  return (batch * depth * params.channels + row % params.channels) * params.inner;
}

fn place_at(base: u32, place: Place) -> u32 {
  return base + place.sample * params.channels * params.inner + place.within;
}
