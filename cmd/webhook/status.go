package main

import (
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	ctrlmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/rollcall-dev/rollcall/internal/admission"
)

// statusHandler answers what is asked about the program itself. Ready are what must hold before reviews may come.
func statusHandler(current func() *admission.Snapshot, now func() time.Time, m *metrics, ready map[string]healthz.Checker) http.Handler {
	mux := http.NewServeMux()
	live, readiness := &healthz.Handler{}, &healthz.Handler{Checks: ready}
	for path, checks := range map[string]http.Handler{"/healthz": live, "/readyz": readiness} {
		mux.Handle(path, http.StripPrefix(path, checks))
		mux.Handle(path+"/", http.StripPrefix(path, checks))
	}
	mux.Handle("GET /metrics", promhttp.HandlerFor(prometheus.Gatherers{m.registry, ctrlmetrics.Registry}, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /fleet", func(w http.ResponseWriter, _ *http.Request) {
		s := current()
		if s == nil {
			http.Error(w, "no fleet is loaded yet", http.StatusServiceUnavailable)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		_ = e.Encode(summarise(s, now()))
	})
	return mux
}

// summary is /fleet: the fleet that reviews are judged against.
type summary struct {
	Revision string    `json:"revision"`
	Digest   string    `json:"digest"`
	Loaded   time.Time `json:"loaded"`
	// Age is in seconds.
	Age        int64          `json:"age"`
	Counts     map[string]int `json:"counts"`
	Clusters   []string       `json:"clusters"`
	APIServers []string       `json:"apiServers"`
	Members    []string       `json:"members"`
}

func summarise(s *admission.Snapshot, now time.Time) summary {
	return summary{
		Revision: s.Revision, Digest: s.Digest, Loaded: s.Loaded.UTC(), Age: int64(now.Sub(s.Loaded).Seconds()),
		Counts:     sizes(s.Fleet),
		Clusters:   slices.Sorted(maps.Keys(s.Fleet.Clusters)),
		APIServers: slices.Sorted(maps.Keys(s.Fleet.APIServers)),
		Members:    slices.Sorted(maps.Keys(s.Fleet.Members)),
	}
}

// holds is a check that something holds by now.
func holds(condition func() bool, otherwise string) healthz.Checker {
	return func(*http.Request) error {
		if !condition() {
			return errors.New(otherwise)
		}
		return nil
	}
}
