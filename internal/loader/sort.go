package loader

import "slices"

// sortPaths sorts paths as kustomize-controller's generator walks them: folder by folder, so that "a/b" comes before
// "a-b".
func sortPaths(paths []string) {
	slices.SortFunc(paths, func(a, b string) int {
		for i := range min(len(a), len(b)) {
			if a[i] == b[i] {
				continue
			}
			if a[i] == '/' {
				return -1
			}
			if b[i] == '/' {
				return 1
			}
			return int(a[i]) - int(b[i])
		}
		return len(a) - len(b)
	})
}
