package cli

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/rollcall-dev/rollcall/internal/checkout"
	"github.com/rollcall-dev/rollcall/internal/config"
	"github.com/rollcall-dev/rollcall/internal/engine"
	"github.com/rollcall-dev/rollcall/internal/fix"
	"github.com/rollcall-dev/rollcall/internal/fleet"
	"github.com/rollcall-dev/rollcall/internal/loader"
	"github.com/rollcall-dev/rollcall/internal/report"
	"github.com/rollcall-dev/rollcall/internal/spelling"
)

// maxBuffer bounds an editor's buffer, in bytes; the loader reads no larger file either.
const maxBuffer = 16 << 20

// maxCheck bounds the time that the rules take together: far more than the largest fleets need.
const maxCheck = 5 * time.Minute

// lint is one run of the linter.
type lint struct {
	*app
	outputs       []string
	failOn        string
	stdinFilename string
	fix, diff     bool
	base          string
	show          []string
	only, skip    []string
	minFollowed   int
	writeBaseline string
}

func (a *app) lintCommand() *cobra.Command {
	l := &lint{app: a}
	cmd := &cobra.Command{
		Use:   "rollcall [flags] [PATH...]",
		Short: "Lint a fleet of Kubernetes clusters kept in one Git repository",
		Long: `Rollcall reads a Flux repository the way Flux reconciles it, every cluster of it, and checks what it finds together:
every Karmada member has an agent, secrets are encrypted, policies name real clusters, and weights encode the order
of failover.

PATH is the repository, the clusters folder, one cluster's folder, or files; by default the working directory, or the tree
that --root names where that is elsewhere. The whole fleet is always read; findings are shown for what was named.

Findings go to stdout, everything else to stderr. The exit code is 0 without findings, 1 with findings at or above
--fail-on, 2 where the run could not finish.

With --base the findings are those that the base revision does not have, and only they count for the exit code. The rules,
severities, exclusions and recipients are then those of the base's configuration; what the change relaxes of them is said.

--fix writes what has one right answer into the files that were named, and reports what is left. A fix is refused that
would change anything else, in the file or in what Flux applies, or that would bring a finding elsewhere. --diff shows what
--fix would write and writes nothing; its exit code is 1 where there is something to fix.`,
		Example: `  rollcall                                          # the repository around the working directory
  rollcall clusters/ottawa                          # what concerns one cluster
  rollcall -o text -o sarif=rollcall.sarif          # for people, and for code scanning
  rollcall -o oneline --stdin-filename a.yaml <buf  # an editor's buffer
  rollcall --diff                                   # what --fix would write
  rollcall --base main                              # what is new since this branch left main`,
		Args:                       cobra.ArbitraryArgs,
		SuggestionsMinimumDistance: 2,
		RunE: func(cmd *cobra.Command, args []string) error {
			return hinted(cmd, args, l.run(cmd.Context(), args))
		},
	}
	flags := cmd.Flags()
	flags.StringArrayVarP(&l.outputs, "output", "o", nil,
		"`FORMAT` or FORMAT=FILE, one of "+strings.Join(formats(), ", ")+"; may be repeated (default text)")
	flags.StringVar(&l.failOn, "fail-on", "error",
		"the least `severity` that makes the exit code 1: error, warning, info or never")
	flags.StringVar(&l.stdinFilename, "stdin-filename", "",
		"read stdin in place of the `file`, and show what concerns it; with --fix, write it to stdout as it would be")
	flags.BoolVar(&l.fix, "fix", false, "write what has one right answer into the files, and report what is left")
	flags.BoolVar(&l.diff, "diff", false, "show what --fix would write, and write nothing")
	flags.StringVar(&l.base, "base", "",
		"report what is new since `REV`, a branch, tag or commit: since HEAD left it; by default the branch that changes are merged into")
	flags.Lookup("base").NoOptDefVal = defaultBranch
	flags.StringSliceVar(&l.show, "show", nil,
		"list as well `WHAT` text leaves out: info, for findings of this severity, or existing, for those that the base has")
	flags.StringSliceVar(&l.only, "only", nil, "report findings of this `RULE` alone; may be repeated")
	flags.StringSliceVar(&l.skip, "skip", nil, "report no findings of this `RULE`; may be repeated")
	for _, flag := range []string{"only", "skip"} {
		completeBy(cmd, flag, a.completeRules)
	}
	flags.IntVar(&l.minFollowed, "min-followed", 0,
		"fail where less than this `PERCENT` of the Flux Kustomizations in the files is followed")
	flags.StringVar(&l.writeBaseline, "write-baseline", "",
		"write all findings to a `FILE`, which baseline in the configuration names, so that they are not reported any more")
	complete(cmd, "show", showable...)
	complete(cmd, "output", formats()...)
	complete(cmd, "fail-on", "error", "warning", "info", "never")
	return cmd
}

// hinted adds to an error about a path what command may have been meant.
func hinted(cmd *cobra.Command, args []string, err error) error {
	if err == nil || len(args) == 0 || !strings.HasPrefix(err.Error(), args[0]+": ") {
		return err
	}
	if _, there := os.Lstat(args[0]); there == nil {
		return err
	}
	word, near := strings.ToLower(args[0]), cmd.SuggestionsFor(args[0])
	for _, sub := range cmd.Commands() {
		if slices.Contains(sub.SuggestFor, word) {
			near = []string{sub.Name()}
		}
	}
	meant := ""
	switch {
	case slices.Contains(linting, word):
		return fmt.Errorf("%w; linting needs no command: leave out %q", err, args[0])
	case len(near) > 0:
		meant = near[0]
	case cmd.Flags().Lookup(word) != nil:
		meant = "--" + word
	default:
		return err
	}
	return fmt.Errorf("%w; did you mean %q?", err, cmd.CommandPath()+" "+meant)
}

// linting is what other linters call the command that is none here.
var linting = []string{"lint", "check", "scan", "validate", "test", "run", "audit", "analyze", "analyse", "vet", "eval"}

func (l *lint) run(ctx context.Context, paths []string) error {
	start := time.Now()
	outputs, err := parseOutputs(l.outputs)
	if err != nil {
		return err
	}
	if len(l.outputs) > 0 && (l.diff || l.fix && l.stdinFilename != "") {
		return errors.New("stdout takes what is fixed, and nothing is reported: leave out -o")
	}
	failOn, err := parseFailOn(l.failOn)
	if err != nil {
		return err
	}
	for _, what := range l.show {
		if !slices.Contains(showable, what) {
			return fmt.Errorf("--show %s: none of %s", what, strings.Join(showable, ", "))
		}
	}
	t, err := l.openInput(paths)
	if err != nil {
		return err
	}
	defer t.close()
	if l.writeBaseline != "" {
		if l.base != "" || l.fix || l.diff || len(l.outputs) > 0 {
			return errors.New("--write-baseline reports and mends nothing: leave out -o, --base, --fix and --diff")
		}
		t.Config = t.Config.WithoutBaseline()
	}
	var b *before
	if l.base != "" {
		if l.fix || l.diff {
			return errors.New("--base only reports: leave out --fix and --diff")
		}
		if b, err = l.openBase(t); err != nil {
			return err
		}
		t.judge = b.tree
	}
	p := l.startProgress()
	defer p.stop()
	var fixes *fix.Fixes
	var v *verdict
	if l.fix || l.diff {
		fixes, v, err = l.fixed(ctx, t, p)
	} else {
		v, err = l.judge(ctx, t, b, p)
	}
	p.stop()
	if err != nil || v == nil {
		return err
	}
	if err := l.checkNames(v); err != nil {
		return err
	}
	v.Report = *v.Report.Only(l.wanted)
	r := v.report(t)
	if l.writeBaseline != "" {
		return l.putBaseline(r, t)
	}
	if r.Base != nil {
		r.Base.ShowExisting = slices.Contains(l.show, "existing")
	}
	if err := l.write(r, t, outputs); err != nil {
		return err
	}
	if err := l.writeStepSummary(r, t); err != nil {
		return err
	}
	if wantsSummary(outputs) {
		if fixes != nil {
			if err := r.WriteFixes(l.stderr, summary(fixes), "fixed"); err != nil {
				return err
			}
			r.Summary.Fixable = 0
		}
		if err := r.WriteSummary(l.stderr, time.Since(start), l.listsInfos(outputs)); err != nil {
			return err
		}
		if t.cacheLeftOut != "" {
			fmt.Fprintf(l.stderr, "the cache is not used: %q lies in the checkout, where anybody may have written it; "+
				"--cache-dir names another folder\n", t.seen(t.cacheLeftOut))
		}
	}
	if v.stopped != nil {
		return v.stopped
	}
	if v.NoFleet {
		return fmt.Errorf(
			"%s: no fleet: there is no object of Flux or Karmada, no clusters/ and no %s; name the repository's folder that holds one",
			strings.Join(t.paths, ", "), config.Name)
	}
	if len(v.Unread) > 0 {
		file := v.Unread[0]
		return fmt.Errorf("%s was not judged: %s", t.seen(filepath.Join(t.root, filepath.FromSlash(file.Name))),
			file.Why)
	}
	if k, least := r.Coverage.Kustomizations, max(l.minFollowed, t.Config.MinFollowed); k.Percent() < least {
		fmt.Fprintf(l.stderr, "%d of %d Flux Kustomizations are followed, which is less than %d %%\n", k.Followed,
			k.InFiles, least)
		return errFindings
	}
	if r.Fails(failOn) {
		return errFindings
	}
	return nil
}

// putBaseline writes the findings to the file of --write-baseline.
func (l *lint) putBaseline(r *report.Report, t *tree) error {
	var b bytes.Buffer
	if err := r.Baseline(&b, config.BaselineSchema); err != nil {
		return err
	}
	if err := t.writeFile(l.writeBaseline, b.Bytes()); err != nil {
		return fmt.Errorf("write %s: %w", l.writeBaseline, checkout.Cause(err))
	}
	_, err := fmt.Fprintf(l.stderr, "%d findings in %s\n", len(r.Findings), l.writeBaseline)
	return err
}

// checkNames tells whether the rules of --only and --skip are rules.
func (l *lint) checkNames(v *verdict) error {
	var ids []string
	for _, rule := range v.Report.Rules {
		ids = append(ids, rule.ID)
	}
	for _, id := range slices.Concat(l.only, l.skip) {
		if !slices.Contains(ids, id) {
			return fmt.Errorf("no rule is called %q%s", id, spelling.DidYouMean(id, ids))
		}
	}
	return nil
}

// showable are the values of --show.
var showable = []string{"info", "existing"}

// showsInfos tells whether text lists infos: where they are asked for, or make the run fail, or
// where few rules are looked at.
func (l *lint) showsInfos() bool {
	return slices.Contains(l.show, "info") || l.failOn == "info" || len(l.only) > 0
}

// listsInfos tells whether stdout lists infos; text alone leaves them out.
func (l *lint) listsInfos(outputs []output) bool {
	return l.showsInfos() || !slices.ContainsFunc(outputs, func(o output) bool {
		return o.format == "text" && o.file == ""
	})
}

// wanted tells whether findings of a rule are reported.
func (l *lint) wanted(f fleet.Finding) bool {
	return (len(l.only) == 0 || slices.Contains(l.only, f.Rule)) && !slices.Contains(l.skip, f.Rule)
}

// openInput opens the tree of the paths; with --stdin-filename, with stdin in the place of that file.
func (l *lint) openInput(paths []string) (*tree, error) {
	if l.stdinFilename == "" {
		return l.open(paths, nil)
	}
	if len(paths) > 0 {
		return nil, errors.New("--stdin-filename names the only path: leave out the others")
	}
	info, err := os.Stat(l.stdinFilename)
	if err == nil && info.IsDir() || os.IsPathSeparator(l.stdinFilename[len(l.stdinFilename)-1]) {
		return nil, fmt.Errorf("--stdin-filename %s: a folder, not a file", l.stdinFilename)
	}
	buffer, err := io.ReadAll(io.LimitReader(l.stdin, maxBuffer+1))
	if err != nil {
		return nil, fmt.Errorf("read stdin: %w", err)
	}
	if len(buffer) > maxBuffer {
		return nil, fmt.Errorf("read stdin: it has more than %d bytes", maxBuffer)
	}
	return l.open([]string{l.stdinFilename}, buffer)
}

// judged is a tree as it was read, what is known of it, and all that the rules found.
type judged struct {
	loaded *fleet.Tree
	fleet  *fleet.Fleet
	found  []fleet.Finding
	// excepted would be found as well if there were no exceptions, and alone is found in what no cluster reconciles.
	excepted, alone []fleet.Finding
}

// checked is a tree that the rules have judged.
type checked struct {
	judged
	engine   *engine.Engine
	rules    []report.Rule
	own      report.OwnRules
	contents *loader.Contents
	// stopped is the error of the rules that went beyond a limit; nil for none.
	stopped error
	// last is what the findings rest on, where there is a base; config is what the tree was read with.
	last   *engine.Checked
	config config.Config
}

// check reads the fleet and judges it. Its files may be given.
func (l *lint) check(ctx context.Context, t *tree, contents *loader.Contents, p *progress) (*checked, error) {
	p.say("reading " + t.dir)
	c := &checked{contents: contents, config: t.Config}
	g, both := errgroup.WithContext(ctx)
	g.Go(func() (err error) {
		if c.engine, c.rules, err = l.ruleSet(both, cmp.Or(t.judge, t)); err == nil {
			c.own = t.ownRules(c.engine, l.ruleDirs)
		}
		return err
	})
	g.Go(func() (err error) {
		if c.contents == nil {
			if c.contents, err = t.Contents(both, t.FS); err != nil {
				return err
			}
		}
		c.loaded, err = t.Follow(both, c.contents)
		return err
	})
	if err := g.Wait(); err != nil {
		return nil, err
	}
	c.fleet = t.Build(c.loaded)
	if err := c.hasFiles(t); err != nil {
		return nil, err
	}
	p.say("checking the rules")
	ctx, cancel := context.WithTimeoutCause(ctx, maxCheck, fmt.Errorf("it takes longer than %v", maxCheck))
	defer cancel()
	if err := l.judgeAll(ctx, c); err != nil {
		return nil, err
	}
	c.contents.Locate(c.found)
	c.contents.Locate(c.excepted)
	var err error
	c.alone, err = t.alone(ctx, c.engine, c.fleet, unreached(c.fleet))
	return c, err
}

// hasFiles tells why there is nothing to read.
func (c *checked) hasFiles(t *tree) error {
	_, configured := c.fleet.Files[t.configFile]
	if n := len(c.fleet.Files); n > 1 || n == 1 && !configured {
		return nil
	}
	why := "there is no YAML file"
	if c.contents.Excluded() > 0 {
		why = "the configuration excludes all files"
	}
	return fmt.Errorf("%s: nothing to lint: %s", strings.Join(t.paths, ", "), why)
}

// isFleet is false where the tree has nothing to do with Flux or Karmada, and nobody says that it is a fleet. A file
// that was named by itself need not be of one.
func (c *checked) isFleet(t *tree) bool {
	_, configured := c.fleet.Files[t.configFile]
	return configured || t.lone || c.fleet.IsFleet()
}

// close waits for what is being kept for the next run.
func (t *tree) close() {
	if t.cache != nil {
		t.cache.Close()
	}
}

// names is true for what lies at or below a named path.
func (t *tree) names(file string) bool {
	return slices.ContainsFunc(t.named, func(named string) bool {
		return file != "" && (named == "." || file == named || strings.HasPrefix(file, named+"/"))
	})
}

func parseFailOn(text string) (fleet.Severity, error) {
	switch s := fleet.Severity(text); s {
	case fleet.Error, fleet.Warning, fleet.Info:
		return s, nil
	case "never":
		return fleet.Off, nil
	}
	return "", fmt.Errorf("--fail-on %s: none of error, warning, info, never", text)
}
