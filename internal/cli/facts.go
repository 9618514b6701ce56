package cli

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rollcall-dev/rollcall/internal/engine"
	"github.com/rollcall-dev/rollcall/internal/fleet"
	"github.com/rollcall-dev/rollcall/internal/loader"
	"github.com/rollcall-dev/rollcall/internal/report"
	"github.com/rollcall-dev/rollcall/internal/spelling"
)

func (a *app) factsCommand() *cobra.Command {
	var cluster string
	var unknown bool
	cmd := &cobra.Command{
		Use:   "facts [PATH]",
		Short: "Print what a rule sees as data.fleet, as JSON",
		Long: `Print what a rule sees as data.fleet, as JSON: for authors of rules, and to see what was read of a tree and what is
unknown. docs/facts.schema.json describes it. A secret's value is never in it, only its class and length.`,
		SuggestFor: []string{"dump", "inspect", "unknown"},
		Args:       cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			t, err := a.open(args, nil)
			if err != nil {
				return err
			}
			defer t.close()
			p := a.startProgress()
			defer p.stop()
			p.say("reading " + t.dir)
			f, err := t.Fleet(cmd.Context())
			if err != nil {
				return err
			}
			p.stop()
			if cluster == "" && unknown {
				return a.writeUnknown(t, f)
			}
			if cluster == "" {
				return a.writeFacts(f)
			}
			if _, ok := f.Clusters[cluster]; !ok {
				names := slices.Sorted(maps.Keys(f.Clusters))
				return fmt.Errorf("no cluster is called %q%s\nthe tree has %s", cluster,
					spelling.DidYouMean(cluster, names), strings.Join(names, ", "))
			}
			if f = ofCluster(f, cluster); unknown {
				return a.writeUnknown(t, f)
			}
			return a.writeFacts(f)
		},
	}
	cmd.Flags().StringVar(&cluster, "cluster", "",
		"only the Kustomizations, objects and files of the cluster with this `name`")
	completeBy(cmd, "cluster", a.completeFleet(true, clusterNames))
	cmd.Flags().BoolVar(&unknown, "unknown", false,
		"only what this repository does not show, a line for each place, with the reason")
	return cmd
}

// writeFacts writes the facts as the rules read them.
func (a *app) writeFacts(f *fleet.Fleet) error {
	facts, err := engine.Facts(f)
	if err != nil {
		return err
	}
	return writeJSON(a.stdout, facts)
}

// writeUnknown lists what the tree does not show, as file:line:column: reason [kind].
func (a *app) writeUnknown(t *tree, f *fleet.Fleet) error {
	var found []fleet.Finding
	for _, inc := range f.Unknown() {
		origin := inc.Origin
		origin.Field = nil
		found = append(found, fleet.Finding{Rule: string(inc.Kind), Severity: "unknown", Message: inc.Why,
			Field: inc.Origin.Field, Place: fleet.Place{Origin: origin}})
	}
	loader.Locate(t.FS, found)
	r := report.New(f, found, nil)
	r.RootDir, r.WorkDir = t.root, t.cwd
	return r.Oneline(a.stdout)
}

// ofCluster is the fleet with the Kustomizations, objects and files of one cluster only; what joins
// the clusters stays whole.
func ofCluster(f *fleet.Fleet, cluster string) *fleet.Fleet {
	one := *f
	one.Clusters = map[string]fleet.Cluster{cluster: f.Clusters[cluster]}
	one.Kustomizations = maps.Clone(f.Kustomizations)
	maps.DeleteFunc(one.Kustomizations, func(_ string, k fleet.Kustomization) bool { return k.Cluster != cluster })
	one.Files = maps.Clone(f.Files)
	maps.DeleteFunc(one.Files, func(_ string, file fleet.File) bool {
		return !slices.Contains(file.ReachedBy, cluster)
	})
	one.Objects = maps.Clone(f.Objects)
	maps.DeleteFunc(one.Objects, func(server string, _ map[string]map[string]map[string]*fleet.Object) bool {
		return f.APIServers[server].Cluster != cluster
	})
	return &one
}
