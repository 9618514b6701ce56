package fleet

// idle says why a policy does not place an object; empty where it does, or nothing tells.
func (f *Fleet) idle(policy Object, object key) string {
	return ""
}
