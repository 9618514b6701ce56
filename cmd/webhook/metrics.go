package main

import (
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/rollcall-dev/rollcall/internal/admission"
	"github.com/rollcall-dev/rollcall/internal/checkout"
	"github.com/rollcall-dev/rollcall/internal/fleet"
	"github.com/rollcall-dev/rollcall/internal/serving"
)

// metrics are the program's own, beside those of controller-runtime, which keep their names.
type metrics struct {
	registry *prometheus.Registry

	requests    *prometheus.CounterVec
	findings    *prometheus.CounterVec
	duration    *prometheus.HistogramVec
	loads       *prometheus.CounterVec
	loading     prometheus.Gauge
	differences *prometheus.GaugeVec
}

func newMetrics() *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "rollcall_admission_requests_total",
			Help: "Reviews by what they came to: allow, warn, deny and skip are verdicts, all others HTTP errors.",
		}, []string{"verdict", "operation"}),
		findings: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "rollcall_admission_findings_total",
			Help: "Reviews in which a rule found something, by what was done about that: deny, warn, or allow where it was noted alone.",
		}, []string{"rule", "action"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "rollcall_admission_duration_seconds",
			Help:    "How long reviews took that have a verdict, from the request's header to the answer.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}, []string{"verdict"}),
		loads: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "rollcall_fleet_loads_total",
			Help: "Fleets that were loaded, or that could not be, so that the last one goes on serving.",
		}, []string{"result"}),
		loading: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "rollcall_fleet_load_duration_seconds",
			Help: "How long the last load took.",
		}),
	}
	m.differences = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "rollcall_live_findings",
		Help: "How the members and policies that Karmada has differ from Git, by severity: what rollcall verify lists.",
	}, []string{"severity"})
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "rollcall_build_info", Help: "The program; 1.",
		ConstLabels: prometheus.Labels{"version": checkout.Version(), "goversion": runtime.Version()},
	})
	build.Set(1)
	m.registry.MustRegister(build)
	m.loads.WithLabelValues("success")
	m.loads.WithLabelValues("failure")
	m.registry.MustRegister(m.requests, m.findings, m.duration, m.loads, m.loading, m.differences)
	return m
}

// Differ counts how what is live differs from Git.
func (m *metrics) Differ(findings []fleet.Finding) {
	for _, severity := range []fleet.Severity{fleet.Error, fleet.Warning, fleet.Info} {
		n := 0
		for _, finding := range findings {
			if finding.Severity == severity {
				n++
			}
		}
		m.differences.WithLabelValues(string(severity)).Set(float64(n))
	}
}

// count counts one answer. No label is of the client's choosing: an operation that was read is one of four.
func (m *metrics) count(a *answer, took time.Duration) {
	operation := "unknown"
	if a.request != nil {
		operation = string(a.request.Operation)
	}
	m.requests.WithLabelValues(a.outcome, operation).Inc()
	if a.response != nil {
		m.duration.WithLabelValues(a.outcome).Observe(took.Seconds())
	}
	for rule, done := range a.done {
		m.findings.WithLabelValues(rule, string(done)).Inc()
	}
}

// Loaded, Failed and LoadTook count the loads of fleets.
func (m *metrics) Loaded(took time.Duration) {
	m.loads.WithLabelValues("success").Inc()
	m.LoadTook(took)
}

func (m *metrics) Failed() { m.loads.WithLabelValues("failure").Inc() }

func (m *metrics) LoadTook(took time.Duration) { m.loading.Set(took.Seconds()) }

// fleetMetrics tell of the fleet that is served, when they are asked.
type fleetMetrics struct {
	current                  func() *admission.Snapshot
	failing                  func() *serving.Failure
	info, size, since, stale *prometheus.Desc
}

func newFleetMetrics(current func() *admission.Snapshot, failing func() *serving.Failure) *fleetMetrics {
	return &fleetMetrics{
		current: current,
		failing: failing,
		stale: prometheus.NewDesc("rollcall_fleet_stale", "1 while the newest revision is not judged by, else 0.",
			nil, nil),
		info: prometheus.NewDesc("rollcall_fleet_info", "The fleet that reviews are judged against; 1.",
			[]string{"revision", "digest"}, nil),
		size: prometheus.NewDesc("rollcall_fleet_size", "How much there is of each kind of thing in the fleet.",
			[]string{"of"}, nil),
		since: prometheus.NewDesc("rollcall_fleet_loaded_timestamp_seconds", "When the fleet was loaded.", nil, nil),
	}
}

func (f *fleetMetrics) Describe(out chan<- *prometheus.Desc) {
	out <- f.info
	out <- f.size
	out <- f.since
	out <- f.stale
}

func (f *fleetMetrics) Collect(out chan<- prometheus.Metric) {
	s, stale := f.current(), 0.0
	if f.failing() != nil {
		stale = 1
	}
	out <- prometheus.MustNewConstMetric(f.stale, prometheus.GaugeValue, stale)
	if s == nil {
		return
	}
	out <- prometheus.MustNewConstMetric(f.info, prometheus.GaugeValue, 1, s.Revision, s.Digest)
	out <- prometheus.MustNewConstMetric(f.since, prometheus.GaugeValue, float64(s.Loaded.UnixNano())/1e9)
	for of, n := range sizes(s.Fleet) {
		out <- prometheus.MustNewConstMetric(f.size, prometheus.GaugeValue, float64(n), of)
	}
}

// sizes count what is in a fleet.
func sizes(f *fleet.Fleet) map[string]int {
	objects := 0
	for _, kinds := range f.Objects {
		for _, namespaces := range kinds {
			for _, names := range namespaces {
				objects += len(names)
			}
		}
	}
	return map[string]int{
		"agents": len(f.Agents), "apiServers": len(f.APIServers), "clusters": len(f.Clusters),
		"controlPlanes": len(f.ControlPlanes),
		"files":         len(f.Files), "kustomizations": len(f.Kustomizations), "members": len(f.Members),
		"objects":  objects,
		"policies": len(f.Policies),
	}
}
