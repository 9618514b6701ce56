// Package failovertest holds package failover against Karmada's own scheduler: policies, fleets and losses made up by
// chance are placed by both. It is a module of its own, so that the program's go.mod does not carry Karmada's
// dependencies.
//
// The scheduler's algorithm, its plugins, the eviction of a binding and the defaults are Karmada's code; what a scheduler
// does around them, when it runs and what it writes back, is repeated here from pkg/scheduler/scheduler.go. Capacity is
// an estimator of our own. How many cases: ROLLCALL_CASES. The version of Karmada is go.mod's, or v1.16.mod's with the tag
// karmada1.16.
package failovertest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"os"
	"slices"
	"strconv"
	"testing"

	clusterv1alpha1 "github.com/karmada-io/karmada/pkg/apis/cluster/v1alpha1"
	policyv1alpha1 "github.com/karmada-io/karmada/pkg/apis/policy/v1alpha1"
	workv1alpha2 "github.com/karmada-io/karmada/pkg/apis/work/v1alpha2"
	estimator "github.com/karmada-io/karmada/pkg/estimator/client"
	clusterlister "github.com/karmada-io/karmada/pkg/generated/listers/cluster/v1alpha1"
	"github.com/karmada-io/karmada/pkg/scheduler/core"
	"github.com/karmada-io/karmada/pkg/scheduler/framework"
	"github.com/karmada-io/karmada/pkg/scheduler/framework/plugins"
	"github.com/karmada-io/karmada/pkg/util"
	"github.com/karmada-io/karmada/pkg/util/helper"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/cache"

	"github.com/rollcall-dev/rollcall/internal/failover"
	"github.com/rollcall-dev/rollcall/internal/failover/chance"
)

func cases(t *testing.T) uint64 {
	text := os.Getenv("ROLLCALL_CASES")
	if text == "" {
		return 5_000
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestAsKarmada compares where the replicas are after the losses, and where objects without replicas are.
func TestAsKarmada(t *testing.T) {
	alike, unknown, moved, failed := 0, 0, 0, 0
	for seed := range cases(t) {
		c := chance.New(seed, minor)
		if seed%16 == 0 { // as large workloads are
			c.Replicas = c.Replicas*397 + 5
		}
		a, err := c.Application(minor)
		if err != nil {
			t.Fatal(err)
		}
		for n := range len(c.Lost) + 1 {
			ours := a.After(c.Lost[:n]...)
			if ours.Outcome == failover.Unknown || ours.Replicas == nil {
				unknown++
				continue
			}
			ways := []map[string]int{ours.Replicas}
			ways = append(ways, ours.Alternatives...)
			theirs, others := karmada(t, c, n)
			if !sameWays(ways, theirs) || !slices.Equal(ours.Others, others) {
				failed++
				if failed <= 10 {
					spec, _ := json.Marshal(c.Spec)
					t.Errorf("seed %d, %d replicas on %v with %v, lost %v\n%s\nours   %v others %v, %s: %s\nKarmada %v others %v", seed, c.Replicas, c.Members,
						c.Capacity, c.Lost[:n], spec, ways, ours.Others, ours.Outcome, ours.Why, theirs, others)
				}
				continue
			}
			alike++
			if ours.Outcome == failover.Moves {
				moved++
			}
		}
	}
	t.Logf("%d scenarios alike, %d of them move; %d unknown here; %d differ", alike, moved, unknown, failed)
}

func sameWays(a, b []map[string]int) bool {
	texts := func(ways []map[string]int) (all []string) {
		for _, way := range ways {
			all = append(all, fmt.Sprint(way))
		}
		slices.Sort(all)
		return slices.Compact(all)
	}
	return slices.Equal(texts(a), texts(b))
}

// karmada is where Karmada has the replicas after the first n losses, in as many ways as it breaks ties, and the clusters
// that have an object without replicas.
func karmada(t *testing.T, c chance.Case, n int) (ways []map[string]int, others []string) {
	for _, uid := range uids() {
		way := map[string]int{}
		for _, target := range run(t, c, int32(c.Replicas), uid, n) {
			way[target.Name] = int(target.Replicas)
		}
		ways = append(ways, way)
	}
	others = []string{}
	for _, target := range run(t, c, 0, "", n) {
		others = append(others, target.Name)
	}
	slices.Sort(others)
	return ways, others
}

// uids are one of each sort that the tie breaker knows: the parity of a hash.
func uids() []types.UID {
	var found [2]types.UID
	for i := range 100 {
		uid := types.UID(fmt.Sprintf("uid-%d", i))
		h := fnv.New32a()
		h.Write([]byte(uid))
		found[h.Sum32()&1] = uid
	}
	return found[:]
}

// room is an estimator that knows how many more replicas each cluster has room for.
type room struct {
	capacity map[string]int
	spec     *workv1alpha2.ResourceBindingSpec
}

func (r room) available(clusters []*clusterv1alpha1.Cluster) []workv1alpha2.TargetCluster {
	all := make([]workv1alpha2.TargetCluster, len(clusters))
	for i, cluster := range clusters {
		all[i] = workv1alpha2.TargetCluster{Name: cluster.Name, Replicas: estimator.UnauthenticReplica}
		if n, ok := r.capacity[cluster.Name]; ok {
			all[i].Replicas = max(0, int32(n)-r.spec.AssignedReplicasForCluster(cluster.Name))
		}
	}
	return all
}

func (r room) MaxAvailableComponentSets(context.Context, estimator.ComponentSetEstimationRequest) ([]estimator.ComponentSetEstimationResponse, error) {
	return nil, errors.New("not asked for")
}

// run schedules a binding in a healthy fleet, then loses n clusters, and gives where it is.
func run(t *testing.T, c chance.Case, replicas int32, uid types.UID, n int) []workv1alpha2.TargetCluster {
	indexer := cache.NewIndexer(cache.MetaNamespaceKeyFunc, cache.Indexers{})
	clusters := map[string]*clusterv1alpha1.Cluster{}
	for _, name := range c.Members {
		clusters[name] = healthy(name)
		if err := indexer.Add(clusters[name]); err != nil {
			t.Fatal(err)
		}
	}
	algorithm, err := core.NewGenericScheduler(newCache(clusterlister.NewClusterLister(indexer)), plugins.NewInTreeRegistry())
	if err != nil {
		t.Fatal(err)
	}
	b := &binding{algorithm: algorithm}
	b.spec.Placement = placement(t, c)
	b.spec.Replicas = replicas
	b.spec.Resource = workv1alpha2.ObjectReference{APIVersion: "apps/v1", Kind: "Deployment", Namespace: "default", Name: "web", UID: uid}
	clear(estimator.GetReplicaEstimators()) // Karmada's own asks for the clusters' resources
	estimator.GetReplicaEstimators()["chance"] = room{c.Capacity, &b.spec}
	b.schedule()
	for _, name := range c.Lost[:n] {
		clusters[name] = lost(clusters[name])
		if err := indexer.Update(clusters[name]); err != nil {
			t.Fatal(err)
		}
		b.evict(clusters[name])
	}
	return b.spec.Clusters
}

// placement is the policy's, with the defaults of the schema and of the mutating webhook.
func placement(t *testing.T, c chance.Case) *policyv1alpha1.Placement {
	data, err := json.Marshal(c.Spec["placement"])
	if err != nil {
		t.Fatal(err)
	}
	p := &policyv1alpha1.Placement{}
	if err := json.Unmarshal(data, p); err != nil {
		t.Fatal(err)
	}
	if p.ReplicaScheduling != nil && p.ReplicaScheduling.ReplicaSchedulingType == "" {
		p.ReplicaScheduling.ReplicaSchedulingType = policyv1alpha1.ReplicaSchedulingTypeDivided
	}
	helper.SetDefaultSpreadConstraints(p.SpreadConstraints)
	helper.SetReplicaDivisionPreferenceWeighted(p)
	return p
}

func healthy(name string) *clusterv1alpha1.Cluster {
	c := &clusterv1alpha1.Cluster{ObjectMeta: metav1.ObjectMeta{Name: name}}
	c.Status.APIEnablements = []clusterv1alpha1.APIEnablement{{GroupVersion: "apps/v1", Resources: []clusterv1alpha1.APIResource{{Kind: "Deployment"}}}}
	meta.SetStatusCondition(&c.Status.Conditions, metav1.Condition{Type: clusterv1alpha1.ClusterConditionCompleteAPIEnablements, Status: metav1.ConditionTrue})
	return c
}

// lost is a cluster with the taint that the cluster controller gives it, and that of a ClusterTaintPolicy.
func lost(c *clusterv1alpha1.Cluster) *clusterv1alpha1.Cluster {
	c = c.DeepCopy()
	c.Spec.Taints = []corev1.Taint{
		{Key: clusterv1alpha1.TaintClusterUnreachable, Effect: corev1.TaintEffectNoSchedule},
		{Key: chance.TaintKey, Effect: corev1.TaintEffectNoExecute},
	}
	return c
}

// binding is a ResourceBinding and its scheduler.
type binding struct {
	algorithm core.ScheduleAlgorithm
	spec      workv1alpha2.ResourceBindingSpec
	status    workv1alpha2.ResourceBindingStatus
}

// evict does what the taint manager does for a lost cluster, and schedules anew where the scheduler would.
//
// Source: pkg/controllers/cluster/taint_manager.go, pkg/scheduler/scheduler.go doScheduleBinding.
func (b *binding) evict(c *clusterv1alpha1.Cluster) {
	if !b.spec.TargetContains(c.Name) {
		return
	}
	noExecute := helper.GetNoExecuteTaints(c.Spec.Taints)
	if tolerated, used := helper.GetMatchingTolerations(noExecute, b.spec.Placement.ClusterTolerations); tolerated && used[0].TolerationSeconds == nil {
		return
	}
	b.spec.GracefulEvictCluster(c.Name, workv1alpha2.NewTaskOptions(workv1alpha2.WithReason("lost")))
	if util.IsBindingReplicasChanged(&b.spec, b.spec.Placement.ReplicaScheduling) || !b.spec.IsWorkload() ||
		b.spec.Placement.ReplicaSchedulingType() == policyv1alpha1.ReplicaSchedulingTypeDuplicated {
		b.schedule()
	}
}

// schedule is scheduleResourceBinding: with an affinity or without one, or with one group after another.
func (b *binding) schedule() {
	var noFit *framework.FitError
	place := func(status *workv1alpha2.ResourceBindingStatus) ([]workv1alpha2.TargetCluster, error) {
		result, err := b.algorithm.Schedule(context.Background(), b.spec.DeepCopy(), status, &core.ScheduleAlgorithmOption{})
		return result.SuggestedClusters, err
	}
	groups := b.spec.Placement.ClusterAffinities
	if groups == nil {
		if clusters, err := place(&b.status); err == nil || errors.As(err, &noFit) {
			b.spec.Clusters = clusters
		}
		return
	}
	first := max(0, slices.IndexFunc(groups, func(g policyv1alpha1.ClusterAffinityTerm) bool {
		return g.AffinityName == b.status.SchedulerObservedAffinityName
	}))
	var firstErr error
	for _, group := range groups[first:] {
		status := b.status.DeepCopy()
		status.SchedulerObservedAffinityName = group.AffinityName
		clusters, err := place(status)
		if err == nil {
			b.spec.Clusters, b.status = clusters, *status
			return
		}
		if firstErr == nil {
			firstErr = err
		}
	}
	if errors.As(firstErr, &noFit) {
		b.spec.Clusters = nil
	}
}
