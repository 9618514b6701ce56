package cli

import (
	"context"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/rollcall-dev/rollcall/internal/fleet"
	"github.com/rollcall-dev/rollcall/internal/loader"
	"github.com/rollcall-dev/rollcall/internal/report"
)

// verdict is all that is to be said of a tree, whatever is named of it.
type verdict struct {
	Report report.Report
	Reach  reach
	// Unread are the files and folders that cannot be read where a Flux may read them.
	Unread []unreadFile
	// NoFleet: the tree has nothing to do with Flux or Karmada; what is found in its files is reported all the same.
	NoFleet bool
	// Unreached are the manifests that no cluster reconciles, and Alone is what is found in them where each object is
	// taken by itself: it is reported where they are named.
	Unreached []string
	Alone     []fleet.Finding
	// stopped is the error of the rules that went beyond a limit; nil for none. Such a verdict is never kept.
	stopped error
}

// unreadFile is a file or folder that cannot be read, and why.
type unreadFile struct{ Name, Why string }

// reach tells which clusters the files with findings concern.
type reach struct {
	// Entries are the folders of the clusters, by their names.
	Entries map[string]string
	// Readers are the clusters whose Flux reads a file.
	Readers map[string][]string
}

func reachOf(f *fleet.Fleet, found []fleet.Finding) reach {
	r := reach{map[string]string{}, map[string][]string{}}
	for name, cluster := range f.Clusters {
		r.Entries[name] = cluster.Entry
	}
	for _, finding := range found {
		r.Readers[finding.Place.File] = f.Files[finding.Place.File].ReachedBy
	}
	return r
}

func (c *checked) verdict() *verdict {
	found := slices.Clone(c.found)
	r := report.New(c.fleet, found, c.rules)
	r.Except(c.fleet, slices.Clone(c.excepted))
	r.Summary.FilesExcluded, r.Summary.OwnRules = c.contents.Excluded(), c.own
	v := &verdict{Report: *r, Reach: reachOf(c.fleet, slices.Concat(found, c.excepted)), Unread: unread(c.fleet),
		Unreached: unreached(c.fleet), stopped: c.stopped}
	for _, f := range c.alone {
		f.Identity = c.fleet.Identity(f)
		v.Alone = append(v.Alone, f)
	}
	return v
}

// unread are the files and folders that cannot be read, such as for want of permission, and that lie where Flux looks
// or above.
func unread(f *fleet.Fleet) []unreadFile {
	var looks []string
	for _, cluster := range f.Clusters {
		looks = append(looks, path.Clean(cluster.Entry))
	}
	for _, k := range f.Kustomizations {
		looks = append(looks, path.Clean(k.Path))
	}
	var all []unreadFile
	for _, name := range slices.Sorted(maps.Keys(f.Files)) {
		problems := f.Files[name].Problems
		i := slices.IndexFunc(problems, func(p fleet.Problem) bool { return p.Kind == "unreadable" })
		meets := func(look string) bool { return isAt(name, look) || isAt(look, name) }
		if i >= 0 && (len(looks) == 0 || slices.ContainsFunc(looks, meets)) {
			all = append(all, unreadFile{name, problems[i].Message})
		}
	}
	return all
}

// isAt is true for a path that is the folder or lies below it, both relative to the root, with slashes.
func isAt(name, folder string) bool {
	return name == folder || folder == "." || strings.HasPrefix(name, folder+"/")
}

// report is about what concerns the named paths.
func (v *verdict) report(t *tree) *report.Report {
	all := v.Report
	if !slices.Contains(t.named, ".") {
		all.Coverage.Unreached = t.countNamed(v.Unreached)
		all.Add(v.Alone)
	}
	r := all.Only(func(f fleet.Finding) bool { return t.concerns(f, v.Reach) })
	r.Root, r.RootDir, r.WorkDir, r.Version = t.Name, t.root, t.cwd, version()
	return r
}

// concerns is true for a finding in a named path, or with a related place in one. What is in no file, or in the
// configuration, concerns the fleet: naming every cluster names it too.
func (t *tree) concerns(finding fleet.Finding, r reach) bool {
	if slices.Contains(t.named, ".") {
		return true
	}
	for _, other := range finding.Related {
		if t.names(other.Place.File) {
			return true
		}
	}
	file := finding.Place.File
	return t.names(file) || t.namesReader(r, file) || t.namesClusterOf(r, finding) ||
		(file == "" || file == t.configFile) && t.namesAll(r)
}

// namesReader is true for a file that a named cluster's Flux reads: what is wrong in a shared
// folder is wrong there too.
func (t *tree) namesReader(r reach, file string) bool {
	return slices.ContainsFunc(r.Readers[file], func(cluster string) bool { return t.names(r.Entries[cluster]) })
}

// namesClusterOf is true for what is found in a named cluster: a script that a generator reads is no
// manifest, and has no readers.
func (t *tree) namesClusterOf(r reach, finding fleet.Finding) bool {
	return slices.ContainsFunc(append(slices.Clip(finding.Clusters), finding.Object.Cluster),
		func(cluster string) bool {
			entry, known := r.Entries[cluster]
			return known && t.names(entry)
		})
}

func (t *tree) namesAll(r reach) bool {
	for _, entry := range r.Entries {
		if !t.names(entry) {
			return false
		}
	}
	return len(r.Entries) > 0
}

// kept is the last verdict on a tree, and what it was a verdict on. The same program says the same of the same files,
// on the same day, with the same configuration and no rules but its own.
type kept struct {
	Question, Digest string
	Verdict          verdict
}

// judge is the verdict on the tree: the last one where nothing has changed since.
func (l *lint) judge(ctx context.Context, t *tree, b *before, p *progress) (*verdict, error) {
	question := fmt.Sprintf("%q %q %q %s %t %+v", t.Name, t.ConfigName, t.configFile, t.Date, t.NoOwnRules, t.Config)
	if b != nil {
		question += fmt.Sprintf(" %q %s %+v %q %q %t", b.revision, b.commit, b.Config, t.relaxed, b.unread,
			l.wantsEffect())
	}
	keeps := t.cache != nil && len(l.ruleDirs) == 0 && (len(t.Config.RulePaths) == 0 || t.NoOwnRules)
	var contents *loader.Contents
	var last kept
	if keeps && t.cache.Get("verdict", &last) && last.Question == question {
		p.say("reading " + t.dir)
		var err error
		if contents, err = t.Contents(ctx, t.FS); err != nil {
			return nil, err
		}
		if contents.Digest() == last.Digest {
			return &last.Verdict, nil
		}
	}
	c, err := l.check(ctx, t, contents, p)
	if err != nil {
		return nil, err
	}
	v := c.verdict()
	if b != nil {
		if err := l.compare(ctx, c, t, b, v, p); err != nil {
			return nil, err
		}
	}
	v.NoFleet = !c.isFleet(t)
	// the next run is about the files again, not about this buffer
	if keeps && c.stopped == nil && l.stdinFilename == "" {
		t.cache.Put("verdict", kept{question, c.contents.Digest(), *v})
	}
	return v, nil
}
