package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the program's version and those of what it judges by",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			var b strings.Builder
			fmt.Fprintf(&b, "rollcall %s %s %s/%s\n", version(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
			if info, ok := debug.ReadBuildInfo(); ok {
				for _, module := range info.Deps {
					if slices.Contains([]string{"github.com/open-policy-agent/opa", "sigs.k8s.io/kustomize/api", "github.com/fluxcd/kustomize-controller/api"}, module.Path) {
						fmt.Fprintf(&b, "%s %s\n", module.Path, module.Version)
					}
				}
			}
			_, err := fmt.Fprint(a.stdout, b.String())
			return err
		},
	}
}

// version is the module's, as the build recorded it: a release, or the commit that it was built from.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "(devel)"
	}
	return info.Main.Version
}
