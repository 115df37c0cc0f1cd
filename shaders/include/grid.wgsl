// The linear index of an invocation in a grid that the host may have folded into two dimensions.
fn linear_index(global_id: vec3<u32>, num_workgroups: vec3<u32>, workgroup_size: u32) -> u32 {
  return global_id.x + global_id.y * num_workgroups.x * workgroup_size;
}

fn linear_group(workgroup_id: vec3<u32>, num_workgroups: vec3<u32>) -> u32 {
  return workgroup_id.x + workgroup_id.y * num_workgroups.x;
}
