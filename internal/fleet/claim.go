package fleet

// Idle says why a policy does not place a workload; empty where it does, or nothing tells.
func (f *Fleet) Idle(policy Object, w Workload) string {
	return ""
}
