//go:build linux

// Benchwebhook measures rollcall-webhook under load, from a process of its own over loopback, beside OPA's server
// answering the same question with the same rules and facts. Both serve fleets of several sizes; asked are
// reviews of small policies that change where most rules look or where few do and of policies of 1 MiB, one in
// five of which names a member that is none, and of small policies of which nothing changes, as whenever Flux
// applies them again. Each change is asked about once; of those where most rules look a hundred at a time are
// asked about twice as well, as Flux does:
//
//   - as many as it answers, from eight connections, each with one review at a time;
//   - a given number a second, each sent when its time has come, whether or not the last one is answered; its latency
//     counts from that time. What rollcall-webhook refuses since it has too much to do, with 429 and at once, is
//     counted as busy.
//
// Every answer is checked. rollcall-webhook is asked over TLS, and says what a change brings about; OPA's server is
// asked in the clear, is given what rollcall-webhook first has to look up, and says what is wrong with the object. The
// memory is the most that the process has held so far, in the order of the table. The first run installs OPA's server
// into the user's cache folder, for which Go needs a network.
//
//	go run ./tools/benchwebhook [-objects N,…] [-rate N] [-time D]
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "benchwebhook:", err)
		os.Exit(2)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("benchwebhook", flag.ContinueOnError)
	objects := flags.String("objects", "2000,10000", "the sizes of the fleets")
	rate := flags.Int("rate", 500, "reviews a second")
	length := flags.Duration("time", 10*time.Second, "how long each thing is measured")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 || *rate < 1 || *length <= 0 {
		return errors.New("usage: go run ./tools/benchwebhook [-objects N,…] [-rate N] [-time D]")
	}
	scratch, err := os.MkdirTemp("", "rollcall-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)
	p, err := newPrograms(ctx, scratch)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%s, %d cores, OPA %s\n", runtime.Version(), runtime.NumCPU(), p.version)
	for _, text := range strings.Split(*objects, ",") {
		n, err := strconv.Atoi(text)
		if err != nil || n < 100 {
			return fmt.Errorf("-objects %s: not a number of 100 or more", text)
		}
		if err := bench(ctx, p, n, filepath.Join(scratch, text), *rate, *length, out); err != nil {
			return fmt.Errorf("%d objects: %w", n, err)
		}
	}
	return nil
}

// bench measures both servers with a fleet of about n objects and prints a table.
func bench(ctx context.Context, p programs, n int, dir string, rate int, length time.Duration, out io.Writer) error {
	q, err := prepare(ctx, n, dir)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "\n%d objects, %d policies\n", q.objects, q.policies)
	table := tabwriter.NewWriter(out, 0, 0, 3, ' ', tabwriter.AlignRight)
	fmt.Fprintf(table, "reviews\tserver\ta second\tp50\tp99\tp50 at %d/s\tp99 at %d/s\tbusy\tmemory\t\n", rate, rate)
	// One after the other, so that neither takes the other's processor.
	measured := map[string][]result{}
	for _, start := range []func(context.Context, *questions) (*server, error){p.webhook, p.opa} {
		s, err := start(ctx, q)
		if err != nil {
			return err
		}
		measured[s.name], err = s.measure(ctx, rate, length)
		s.stop()
		if err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	for i, sort := range sorts {
		ours, theirs := measured[nameOfWebhook][i], measured[nameOfOPA][i]
		fmt.Fprintf(table, "%s\t%s\t%s\n", sort, nameOfWebhook, ours)
		fmt.Fprintf(table, "\t%s\t%s\n", nameOfOPA, theirs)
		fmt.Fprintf(table, "\t%s ÷ %s\t%s\n", nameOfWebhook, nameOfOPA, ours.over(theirs))
	}
	return table.Flush()
}

// result is what was measured of one server with reviews of one sort.
type result struct {
	// perSecond is how many it answers.
	perSecond float64
	// full is the latency then, paced the one at the given rate.
	full, paced latency
	memory      int64 // bytes
}

// latency is that of what was answered; busy is the part of the questions that the server was too busy for.
type latency struct {
	p50, p99 time.Duration
	busy     float64
}

func (r result) String() string {
	return fmt.Sprintf("%.0f\t%s\t%s\t%s\t%s\t%.0f %%\t%.0f MiB\t", r.perSecond, ms(r.full.p50), ms(r.full.p99),
		ms(r.paced.p50), ms(r.paced.p99), 100*r.paced.busy, float64(r.memory)/(1<<20))
}

func (r result) over(other result) string {
	ratio := func(a, b time.Duration) string { return fmt.Sprintf("%.3f", a.Seconds()/b.Seconds()) }
	return fmt.Sprintf("%.1f\t%s\t%s\t%s\t%s\t\t%.2f\t", r.perSecond/other.perSecond, ratio(r.full.p50, other.full.p50),
		ratio(r.full.p99, other.full.p99),
		ratio(r.paced.p50, other.paced.p50), ratio(r.paced.p99, other.paced.p99),
		float64(r.memory)/float64(other.memory))
}

func ms(d time.Duration) string { return fmt.Sprintf("%.2f ms", d.Seconds()*1000) }
