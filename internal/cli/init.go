package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	yaml "sigs.k8s.io/yaml/goyaml.v3"

	"github.com/rollcall-dev/rollcall/internal/config"
	"github.com/rollcall-dev/rollcall/internal/failover"
	"github.com/rollcall-dev/rollcall/internal/fleet"
	"github.com/rollcall-dev/rollcall/internal/loader"
	"github.com/rollcall-dev/rollcall/internal/report"
	"github.com/rollcall-dev/rollcall/internal/secret"
)

func (a *app) initCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "init [PATH]",
		Short: "Write a .rollcall.yaml with the clusters, members and failover order that the tree shows",
		Long: `Look at the tree and write a .rollcall.yaml into its root: the Flux clusters, the Karmada members, and the order of failover
where the weights of the policies tell one. It is to be read, corrected and committed.

The clusters are a comment where the tree tells from where Flux starts. So is a part with which anything else would be
found than without it, with the reason. A file that is there is never written over.`,
		Example: `  rollcall init                                     # for the repository around the working directory
  rollcall init gitops`,
		SuggestFor: []string{"new", "setup", "configure", "create"},
		Args:       cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if a.config != "" {
				return fmt.Errorf("--config: init writes %s into the tree's root", config.Name)
			}
			t, err := a.open(args, nil)
			if t != nil {
				if _, there := os.Lstat(t.configPath); there == nil {
					return fmt.Errorf("%s is there already, and is not written over", t.seen(t.configPath))
				}
			}
			if err != nil {
				return err
			}
			defer t.close()
			p := a.startProgress()
			defer p.stop()
			d, err := a.draft(cmd.Context(), t, p)
			p.stop()
			if err != nil {
				return err
			}
			return a.writeDraft(t, d)
		},
	}
}

// draft is a configuration that is being written.
type draft struct {
	text bytes.Buffer
	// says are what it holds that is no comment, in words.
	says []string
}

const draftHead = `# yaml-language-server: $schema=https://raw.githubusercontent.com/rollcall-dev/rollcall/main/docs/config.schema.json
# What Rollcall is told of this fleet. "rollcall init" has written what the tree shows; what is left out, the tree tells.
# All keys: ` + report.Home + `#configure
`

// part is a part of a configuration.
type part struct {
	// about are comments, said is what the part holds, in words, and text is its YAML.
	about      []string
	said, text string
	// aside: it is no more than a comment.
	aside bool
}

// draft looks at the tree and writes what it shows, each part only where the tree is judged with it as without it.
func (a *app) draft(ctx context.Context, t *tree, p *progress) (*draft, error) {
	l := &lint{app: a}
	before, err := l.check(ctx, t, nil, p)
	if err != nil {
		return nil, err
	}
	if t.lone || !before.isFleet(t) {
		return nil, fmt.Errorf(
			"%s: no fleet: there is no object of Flux or Karmada and no clusters/; name the repository's folder that holds one",
			strings.Join(t.paths, ", "))
	}
	d := &draft{}
	d.text.WriteString(draftHead)
	for _, part := range []*part{clustersPart(before.fleet), membersPart(before.fleet), orderPart(before.fleet)} {
		if part == nil {
			continue
		}
		d.text.WriteString("\n")
		for _, line := range part.about {
			d.text.WriteString("# " + secret.Message(line) + "\n")
		}
		if !part.aside && part.text != "" {
			why, err := l.changes(ctx, t, before, d.text.String()+part.text, p)
			if err != nil {
				return nil, err
			}
			if why == "" {
				d.text.WriteString(part.text)
				d.says = append(d.says, part.said)
				continue
			}
			d.text.WriteString("# It is a comment, because " + secret.Message(why) + ".\n")
		}
		for line := range strings.Lines(part.text) {
			d.text.WriteString("# " + secret.Message(strings.TrimSuffix(line, "\n")) + "\n")
		}
	}
	return d, nil
}

// changes says what a configuration changes of what was found without it; empty for nothing.
func (l *lint) changes(ctx context.Context, t *tree, before *checked, text string, p *progress) (why string,
	err error) {
	with := *t
	with.Cache, with.cache = nil, nil
	with.FS = loader.Overlay(t.FS, config.Name, []byte(text))
	if err := with.Configure(with.FS, config.Name); err != nil {
		return "with it the file is no configuration: " + err.Error(), nil
	}
	after, err := l.check(ctx, &with, nil, p)
	if err != nil {
		return "", err
	}
	was, is := before.fleet.Coverage().Kustomizations, after.fleet.Coverage().Kustomizations
	if was != is {
		return fmt.Sprintf("with it %d of %d Flux Kustomizations would be followed, and without it %d of %d",
			is.Followed, is.InFiles, was.Followed, was.InFiles), nil
	}
	gone := said(before)
	for _, f := range said(after) {
		i := slices.Index(gone, f)
		if i < 0 {
			return "with it would be found: " + f, nil
		}
		gone = slices.Delete(gone, i, i+1)
	}
	if len(gone) > 0 {
		return "with it would no longer be found: " + gone[0], nil
	}
	return "", nil
}

// said is what was found, without the places.
func said(c *checked) (all []string) {
	for _, f := range slices.Concat(c.found, c.alone) {
		all = append(all, fmt.Sprintf("%s: %s [%s]", f.Severity, f.Message, f.Rule))
	}
	slices.Sort(all)
	return all
}

func clustersPart(f *fleet.Fleet) *part {
	clusters := f.Coverage().Clusters
	if len(clusters) == 0 {
		return nil
	}
	p := &part{said: count(len(clusters), "cluster"), about: []string{
		"The Flux clusters, all of them, and the folders that Flux starts from. A new cluster gets an entry too."}}
	if !slices.ContainsFunc(clusters, func(c fleet.CoveredCluster) bool { return !c.Started }) {
		p.aside, p.about = true, []string{
			"The Flux clusters, and the folders that Flux starts from. They are a comment, because the tree tells them, and will tell",
			"of a new cluster: a list here is all of them, and nothing else is read."}
	}
	var b strings.Builder
	b.WriteString("clusters:\n")
	for _, c := range clusters {
		fmt.Fprintf(&b, "  - name: %s\n    path: %s\n", scalar(c.Name), scalar(c.Entry))
	}
	p.text = b.String()
	return p
}

func membersPart(f *fleet.Fleet) *part {
	names := slices.DeleteFunc(slices.Clone(f.Membership.Names), func(name string) bool {
		return f.Members[name].MereHost
	})
	if len(names) == 0 {
		return nil
	}
	p := &part{said: count(len(names), "member"), about: []string{
		"The Karmada members, all of them: another name is an error in a policy. A new member gets an entry too."}}
	var b strings.Builder
	b.WriteString("members:\n")
	for _, name := range names {
		fmt.Fprintf(&b, "  - %s%s\n", scalar(name), evidence(f.Members[name]))
	}
	p.text = b.String()
	return p
}

// evidence is a comment on what tells of a member.
func evidence(m fleet.Member) string {
	switch {
	case len(m.Agents) > 0:
		return " # an agent registers it"
	case m.Registered:
		return " # it has a Cluster object"
	case m.FluxCluster != "":
		return " # a Flux cluster has its name"
	}
	return ""
}

// orderPart is the order in which all policies with an order of weights rank the clusters, if they rank them in one.
func orderPart(f *fleet.Fleet) *part {
	var names, by []string
	before := map[[2]string]string{} // the policy that ranks one cluster before another
	for _, policy := range failover.Policies(f) {
		order := failover.WeightOrder(policy)
		for i, name := range order {
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
			for _, later := range order[i+1:] {
				if other, against := before[[2]string{later, name}]; against {
					return &part{about: []string{fmt.Sprintf(
						"No order of failover: %s ranks %q before %q, and %s the other way round.",
						title(policy), name, later, other)}}
				}
				before[[2]string{name, later}] = title(policy)
			}
		}
		if len(order) > 0 && !slices.Contains(by, title(policy)) {
			by = append(by, title(policy))
		}
	}
	if len(names) == 0 {
		return nil
	}
	// One before all others, then one before the rest of them, and so on: else they are in no order.
	var order []string
	for len(order) < len(names) {
		first := slices.IndexFunc(names, func(name string) bool {
			return !slices.Contains(order, name) && !slices.ContainsFunc(names, func(other string) bool {
				_, ranked := before[[2]string{name, other}]
				return name != other && !slices.Contains(order, other) && !ranked
			})
		})
		if first < 0 {
			return &part{about: []string{
				"No order of failover: the weights of the policies rank some clusters, and not all of them."}}
		}
		order = append(order, names[first])
	}
	p := &part{said: "the failover order " + strings.Join(order, ", "), about: []string{
		fmt.Sprintf("Workloads run on the first of these that is healthy, as %s.", ranking(by))}}
	var b strings.Builder
	b.WriteString("failover:\n  order:\n")
	for _, name := range order {
		fmt.Fprintf(&b, "    - %s\n", scalar(name))
	}
	p.text = b.String()
	return p
}

func ranking(policies []string) string {
	if len(policies) == 1 {
		return "the weights of " + policies[0] + " say"
	}
	return fmt.Sprintf("the weights of %d policies say, %s first", len(policies), policies[0])
}

func title(o fleet.Object) string {
	if o.Namespace == "" {
		return fmt.Sprintf("%s %q", o.Kind, o.Name)
	}
	return fmt.Sprintf("%s %q", o.Kind, o.Namespace+"/"+o.Name)
}

// scalar is a text in YAML, on one line.
func scalar(text string) string {
	var n yaml.Node
	plain := strings.Trim(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./") == ""
	if plain && yaml.Unmarshal([]byte(text), &n) == nil && len(n.Content) == 1 && n.Content[0].ShortTag() == "!!str" &&
		n.Content[0].Value == text {
		return text
	}
	quoted, err := json.Marshal(text)
	if err != nil {
		return `""` // a text always has a form
	}
	return string(quoted)
}

func count(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return fmt.Sprintf("%d %s", n, noun)
}

// writeDraft writes the file, which must not be there.
func (a *app) writeDraft(t *tree, d *draft) error {
	name := t.seen(t.configPath)
	file, err := os.OpenFile(filepath.Join(t.root, config.Name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s is there already, and is not written over", name)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	_, err = file.Write(d.text.Bytes())
	if err = errors.Join(err, file.Close()); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	if len(d.says) == 0 {
		_, err = fmt.Fprintf(a.stderr, "wrote %s with comments alone: they say what the tree shows\n", name)
		return err
	}
	_, err = fmt.Fprintf(a.stderr, "wrote %s with %s\n", name, strings.Join(d.says, ", "))
	return err
}
