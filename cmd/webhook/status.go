package main

import (
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"math"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	ctrlmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/rollcall-dev/rollcall/internal/admission"
	"github.com/rollcall-dev/rollcall/internal/secret"
	"github.com/rollcall-dev/rollcall/internal/serving"
)

// statusHandler answers what is asked about the program itself. Ready are what must hold before reviews may come;
// failing says why the newest content is not judged by, nil where it is.
func statusHandler(current func() *admission.Snapshot, failing func() *serving.Failure, now func() time.Time,
	m *metrics, ready []check) http.Handler {
	mux := http.NewServeMux()
	for path, checks := range map[string][]check{"/healthz": nil, "/readyz": ready} {
		h := health(path, checks)
		mux.Handle(path, h)
		mux.Handle(path+"/", h)
	}
	mux.Handle("GET /metrics", promhttp.HandlerFor(prometheus.Gatherers{m.registry, ctrlmetrics.Registry},
		promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /fleet", func(w http.ResponseWriter, _ *http.Request) {
		s := current()
		if s == nil {
			http.Error(w, notLoaded(failing()), http.StatusServiceUnavailable)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		e.SetEscapeHTML(false)
		_ = e.Encode(summarise(s, failing(), now()))
	})
	return mux
}

// check is one thing that must hold. It says why it does not, or what is to be said though it does.
type check struct {
	name string
	held func() (ok bool, says string)
}

// holds is a check that something holds by now. What failed last, if anything did, says why it does not.
func holds(name string, condition func() bool, otherwise string, last ...*lastError) check {
	return check{name, func() (bool, string) {
		if condition() {
			return true, ""
		}
		for _, l := range last {
			if why := l.Load(); why != nil {
				return false, otherwise + ": " + *why
			}
		}
		return false, otherwise
	}}
}

// lastError is what failed last, as it may be shown; nil for nothing.
type lastError struct{ atomic.Pointer[string] }

func (l *lastError) note(err error) {
	why := secret.Message(err.Error())
	l.Store(&why)
}

// serverKnown is the check that the fleet has the API server that asks: the flag's. Without a flag a review must name
// it, unless there is only one.
func serverKnown(current func() *admission.Snapshot, flag string) check {
	return check{"api-server", func() (bool, string) {
		s := current()
		if s == nil {
			return flag == "", ""
		}
		if _, err := admission.Find(s.Fleet, flag); err != nil {
			return flag == "", err.Error()
		}
		return true, ""
	}}
}

// fleetLoaded is the check that there is a fleet. That the newest one is not judged by makes nothing unready.
func fleetLoaded(current func() *admission.Snapshot, failing func() *serving.Failure) check {
	return check{"fleet", func() (bool, string) {
		s, f := current(), failing()
		switch {
		case s == nil:
			return false, notLoaded(f)
		case f != nil:
			return true, fmt.Sprintf("judged by %s; the newest is not loaded since %s: %s", called(s),
				f.Since.Format(time.RFC3339), f.Why)
		}
		return true, "judged by " + called(s)
	}}
}

// called is what a snapshot is called: its revision, else its digest.
func called(s *admission.Snapshot) string {
	if s.Revision != "" {
		return s.Revision
	}
	return s.Digest
}

func notLoaded(f *serving.Failure) string {
	if f == nil {
		return "no fleet is loaded yet"
	}
	return "no fleet is loaded yet: " + f.Why
}

// health answers as Kubernetes' programs do: "ok", or 500 and a line for each check; with ?verbose the lines in any
// case. Below the path is each check by its name, and ?exclude=NAME leaves one out.
func health(root string, checks []check) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		query := r.URL.Query()
		only := strings.Trim(strings.TrimPrefix(r.URL.Path, root), "/")
		known := only == ""
		var lines strings.Builder
		code, word := http.StatusOK, "passed"
		for _, c := range checks {
			if only != "" && only != c.name || slices.Contains(query["exclude"], c.name) {
				continue
			}
			known = true
			ok, says := c.held()
			line := "[+]" + c.name + " ok"
			if !ok {
				line = "[-]" + c.name + " failed"
				code, word = http.StatusInternalServerError, "failed"
			}
			if says != "" {
				line += ": " + oneLine(says)
			}
			lines.WriteString(line + "\n")
		}
		if !known {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.WriteHeader(code)
		if code == http.StatusOK && !query.Has("verbose") {
			fmt.Fprint(w, "ok")
			return
		}
		fmt.Fprintf(w, "%s%s check %s\n", lines.String(), strings.TrimPrefix(root, "/"), word)
	})
}

// oneLine is a text without line breaks: several errors in the configuration have a line each.
func oneLine(text string) string { return strings.ReplaceAll(text, "\n", "; ") }

// summary is /fleet: the fleet that reviews are judged against.
type summary struct {
	// Revision is as in the answers' audit annotation.
	Revision string    `json:"revision"`
	Digest   string    `json:"digest"`
	Loaded   time.Time `json:"loaded"`
	// Age is how long ago it was loaded, and LoadDuration how long that took, in seconds.
	Age          float64        `json:"age"`
	LoadDuration float64        `json:"loadDuration"`
	Counts       map[string]int `json:"counts"`
	Clusters     []string       `json:"clusters"`
	APIServers   []string       `json:"apiServers"`
	Members      []string       `json:"members"`
	// NotLoaded says why the newest revision is not this one; absent where it is.
	NotLoaded *serving.Failure `json:"notLoaded,omitempty"`
}

func summarise(s *admission.Snapshot, failing *serving.Failure, now time.Time) summary {
	return summary{
		Revision: s.Name(), Digest: s.Digest, Loaded: s.Loaded.UTC(), Age: math.Round(now.Sub(s.Loaded).Seconds()),
		LoadDuration: s.Took.Seconds(),
		Counts:       sizes(s.Fleet),
		Clusters:     shown(maps.Keys(s.Fleet.Clusters)),
		APIServers:   shown(maps.Keys(s.Fleet.APIServers)),
		Members:      shown(maps.Keys(s.Fleet.Members)),
		NotLoaded:    failing,
	}
}

// shown are names as they may be shown, sorted.
func shown(names iter.Seq[string]) []string {
	all := slices.Sorted(names)
	for i, name := range all {
		all[i] = secret.Name(name)
	}
	return all
}
