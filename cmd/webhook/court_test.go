package main

import (
	"log/slog"
	"runtime/debug"
	"testing"
	"time"

	"github.com/rollcall-dev/rollcall/internal/checkout"
	"github.com/rollcall-dev/rollcall/internal/fleet"
	"github.com/rollcall-dev/rollcall/internal/loader"
)

// What is live in Karmada changes: a policy in Git is judged as Git has it, so that nothing is judged again, and the difference is
// told all the same; a Cluster that somebody registers by hand is a member from then on.
func TestLiveChanges(t *testing.T) {
	fsys, err := loader.Open("../../testdata/fleet")
	if err != nil {
		t.Fatal(err)
	}
	var told []fleet.Finding
	c := &court{log: slog.New(slog.DiscardHandler), metrics: newMetrics(), now: time.Now}
	c.observe(func(found []fleet.Finding) { told = found })
	if err := c.serve(t.Context(), content{Checkout: checkout.Checkout{FS: fsys, Name: "fleet"}}); err != nil {
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
	c.know(t.Context(), fleet.Live{Objects: []fleet.Object{policy("Abort")}})
	first, about := c.Current(), len(told)
	if _, known := first.Fleet.Members["paris"]; known || first.Fleet.Live == nil || about == 0 {
		t.Fatalf("members %v, live %v, differences %v", first.Fleet.Members, first.Fleet.Live, told)
	}
	told = nil
	c.know(t.Context(), fleet.Live{Objects: []fleet.Object{policy("Overwrite")}})
	if c.Current() != first || len(told) != about {
		t.Errorf("judged again, or nothing told: %v", told)
	}
	cluster, ok := fleet.LiveObject(map[string]any{"apiVersion": "cluster.karmada.io/v1alpha1", "kind": "Cluster", "metadata": map[string]any{"name": "paris"}})
	if !ok {
		t.Fatal("no live Cluster")
	}
	c.know(t.Context(), fleet.Live{Objects: []fleet.Object{cluster, policy("Overwrite")}})
	if _, known := c.Current().Fleet.Members["paris"]; !known {
		t.Errorf("members %v", c.Current().Fleet.Members)
	}
}
