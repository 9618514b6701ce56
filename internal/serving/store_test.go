package serving

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/rollcall-dev/rollcall/internal/checkout"
	"github.com/rollcall-dev/rollcall/internal/fleet"
	"github.com/rollcall-dev/rollcall/internal/loader"
)

// What is live in Karmada changes: a policy in Git is judged as Git has it, so that nothing is judged again, and the
// difference is told all the same; a Cluster that somebody registers by hand is a member from then on.
func TestLiveChanges(t *testing.T) {
	fsys, err := loader.Open("../../testdata/fleet")
	if err != nil {
		t.Fatal(err)
	}
	var told []fleet.Finding
	c := NewStore(slog.New(slog.DiscardHandler), uncounted{}, "", time.Minute)
	c.OnDrift(func(found []fleet.Finding) { told = found })
	if err := c.Serve(t.Context(), func(context.Context) (Content, error) {
		return Content{Checkout: checkout.Checkout{FS: fsys, Name: "fleet"}}, nil
	}); err != nil {
		t.Fatal(err)
	}
	if limit := debug.SetMemoryLimit(-1); limit > 1<<30 {
		t.Errorf("reviews may take up to %d bytes", limit)
	}
	policy := func(conflict string) fleet.Object {
		o, ok := fleet.LiveObject(map[string]any{
			"apiVersion": "policy.karmada.io/v1alpha1", "kind": "PropagationPolicy",
			"metadata": map[string]any{"namespace": "test-failover", "name": "my-app-failover"},
			"spec":     map[string]any{"conflictResolution": conflict},
		})
		if !ok {
			t.Fatal("no live policy")
		}
		return o
	}
	c.SetLive(t.Context(), fleet.Live{Objects: []fleet.Object{policy("Abort")}})
	first, about := c.Current(), len(told)
	if _, known := first.Fleet.Members["paris"]; known || first.Fleet.Live == nil || about == 0 {
		t.Fatalf("members %v, live %v, differences %v", first.Fleet.Members, first.Fleet.Live, told)
	}
	told = nil
	c.SetLive(t.Context(), fleet.Live{Objects: []fleet.Object{policy("Overwrite")}})
	if c.Current() != first || len(told) != about {
		t.Errorf("judged again, or nothing told: %v", told)
	}
	cluster, ok := fleet.LiveObject(map[string]any{"apiVersion": "cluster.karmada.io/v1alpha1", "kind": "Cluster",
		"metadata": map[string]any{"name": "paris"}})
	if !ok {
		t.Fatal("no live Cluster")
	}
	c.SetLive(t.Context(), fleet.Live{Objects: []fleet.Object{cluster, policy("Overwrite")}})
	if _, known := c.Current().Fleet.Members["paris"]; !known {
		t.Errorf("members %v", c.Current().Fleet.Members)
	}
}

// TestLoads has loads that never end: each is left behind at its limit, no more than a few are, and once
// they end there are others.
func TestLoads(t *testing.T) {
	l := newLoads(10 * time.Millisecond)
	end := make(chan struct{})
	for range maxHanging + 1 {
		err := l.run(t.Context(), func(context.Context) error { <-end; return nil })
		if err == nil || err.Error() != "it did not load within 10ms (--load-timeout)" {
			t.Errorf("%v", err)
		}
	}
	at := func() error { return l.run(t.Context(), func(context.Context) error { return nil }) }
	if err := at(); err == nil || err.Error() != "3 loads that were given up have not ended yet" {
		t.Errorf("%v", err)
	}
	close(end)
	for late := time.Now().Add(time.Minute); at() != nil; time.Sleep(time.Millisecond) {
		if time.Now().After(late) {
			t.Fatal("no load any more")
		}
	}
	if err := l.run(t.Context(), func(context.Context) error {
		panic("swordfish")
	}); err == nil || strings.Contains(err.Error(), "swordfish") {
		t.Errorf("%v", err)
	}
	if err := at(); err != nil {
		t.Errorf("after a panic: %v", err)
	}
	over := errors.New("there is a newer one")
	ctx, why := context.WithCancelCause(t.Context())
	err := newLoads(time.Hour).run(ctx, func(ctx context.Context) error {
		why(over)
		<-ctx.Done()
		return fmt.Errorf("read: %w", ctx.Err())
	})
	if !errors.Is(err, over) {
		t.Errorf("%v", err)
	}
}

// TestFailures: what failed is told once, again before its Event expires, and no more once it is over; a load does not
// end what is wrong with the source.
func TestFailures(t *testing.T) {
	now := time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)
	c := NewStore(slog.New(slog.DiscardHandler), uncounted{}, "", time.Minute)
	c.now = func() time.Time { return now }
	tell := func(kind FailureKind, why string) bool { return c.Failed(t.Context(), kind, errors.New(why)) != "" }
	if !tell(LoadFailure, "a") || tell(LoadFailure, "a") || !tell(SourceFailure, "b") || !tell(LoadFailure, "c") {
		t.Error("news are not told, or told twice")
	}
	if now = now.Add(SayAgain); !tell(LoadFailure, "c") || tell(LoadFailure, "c") {
		t.Error("what lasts is not told again")
	}
	if f := c.Failure(); f == nil || f.Why != "c" || !f.Since.Equal(now.Add(-SayAgain)) {
		t.Errorf("%+v", f)
	}
	if c.Recovered(t.Context(), LoadFailure); c.Failure() == nil || c.Failure().Why != "b" {
		t.Errorf("%+v", c.Failure())
	}
	if c.Recovered(t.Context(), SourceFailure); c.Failure() != nil {
		t.Errorf("%+v", c.Failure())
	}
	if tell(WatchFailure, "d"); c.Failure() == nil {
		t.Error("a failed watch is not told")
	}
	if now = now.Add(watchRetried); c.Failure() != nil {
		t.Errorf("%+v", c.Failure())
	}
}

// TestSameDefault has an API server ask at /validate that is the fleet's only one, and is not in the next revision.
func TestSameDefault(t *testing.T) {
	fleetOf := func(ids ...string) *fleet.Fleet {
		f := &fleet.Fleet{APIServers: map[string]fleet.APIServer{}}
		for _, id := range ids {
			f.APIServers[id] = fleet.APIServer{}
		}
		return f
	}
	for want, next := range map[string]*fleet.Fleet{
		"": fleetOf("a"),
		`the fleet has several API servers, and nothing says which one asks: /validate/ID does, with one of "a", "b": "a" has asked at /validate within the last hour`: fleetOf("a", "b"),
		`"a" has asked at /validate within the last hour, and the fleet has "b" in its place`:                                                                          fleetOf("b"),
		`the fleet has no API server: "a" has asked at /validate within the last hour`:                                                                                 fleetOf(),
	} {
		err := sameDefault(fleetOf("a"), next)
		if err == nil && want != "" || err != nil && err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

// uncounted counts nothing.
type uncounted struct{}

func (uncounted) Loaded(time.Duration)   {}
func (uncounted) Failed()                {}
func (uncounted) LoadTook(time.Duration) {}
func (uncounted) Differ([]fleet.Finding) {}
