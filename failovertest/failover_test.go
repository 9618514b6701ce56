// Package failovertest holds package failover against Karmada's own scheduler: policies, fleets and losses made up by
// chance are placed by both. It is a module of its own, so that the program's go.mod does not carry Karmada's
// dependencies.
// The scheduler's algorithm, its plugins, the eviction of a binding and the defaults are Karmada's code; what a
// scheduler does around them, when it runs and what it writes back, is repeated here from pkg/scheduler/scheduler.go.
// Capacity is an estimator of our own. How many cases: ROLLCALL_CASES. The version of Karmada is go.mod's, or
// v1.16.mod's with the tag karmada1.16.
package failovertest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	clusterv1alpha1 "github.com/karmada-io/karmada/pkg/apis/cluster/v1alpha1"
	policyv1alpha1 "github.com/karmada-io/karmada/pkg/apis/policy/v1alpha1"
	workv1alpha2 "github.com/karmada-io/karmada/pkg/apis/work/v1alpha2"
	"github.com/karmada-io/karmada/pkg/controllers/taint"
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
	"k8s.io/client-go/tools/record"
	"k8s.io/klog/v2"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/rollcall-dev/rollcall/failovertest/chance"
	"github.com/rollcall-dev/rollcall/internal/failover"
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

func TestMain(m *testing.M) {
	klog.LogToStderr(false)
	klog.SetOutput(io.Discard)
	os.Exit(m.Run())
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
			theirs, others, ok := karmada(t, c, n)
			if !ok {
				continue
			}
			if !sameWays(ways, theirs) || ours.Others != nil && !slices.Equal(ours.Others, others) {
				failed++
				if failed <= 10 {
					spec, _ := json.Marshal([]any{c.Spec, c.Clusters, c.TaintPolicies})
					t.Errorf(
						"seed %d, %d replicas on %v with %v, lost %v\n%s\nours   %v others %v, %s: %s\nKarmada %v others %v", seed, c.Replicas, c.Members,
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

// karmada is where Karmada has the replicas after the first n losses, in as many ways as it breaks ties, and the
// clusters that have an object without replicas.
func karmada(t *testing.T, c chance.Case, n int) (ways []map[string]int, others []string, ok bool) {
	ok = true
	for _, uid := range uids() {
		way := map[string]int{}
		clusters, known := run(t, c, int32(c.Replicas), uid, n)
		for _, target := range clusters {
			way[target.Name] = int(target.Replicas)
		}
		ok = ok && known
		ways = append(ways, way)
	}
	others = []string{}
	clusters, known := run(t, c, 0, "", n)
	for _, target := range clusters {
		others = append(others, target.Name)
	}
	slices.Sort(others)
	return ways, others, ok && known
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

func (r room) MaxAvailableComponentSets(context.Context,
	estimator.ComponentSetEstimationRequest) ([]estimator.ComponentSetEstimationResponse, error) {
	return nil, errors.New("not asked for")
}

// run schedules a binding in a healthy fleet, then loses n clusters, and gives where it is.
func run(t *testing.T, c chance.Case, replicas int32, uid types.UID, n int) (clusters []workv1alpha2.TargetCluster,
	ok bool) {
	indexer := cache.NewIndexer(cache.MetaNamespaceKeyFunc, cache.Indexers{})
	objects := map[string]*clusterv1alpha1.Cluster{}
	for _, name := range c.Members {
		objects[name] = tainted(t, c, healthy(t, c, name))
		if err := indexer.Add(objects[name]); err != nil {
			t.Fatal(err)
		}
	}
	algorithm, err := core.NewGenericScheduler(newCache(clusterlister.NewClusterLister(indexer)),
		plugins.NewInTreeRegistry())
	if err != nil {
		t.Fatal(err)
	}
	b := &binding{algorithm: algorithm}
	b.spec.Placement = placement(t, c)
	b.spec.Replicas = replicas
	b.spec.Resource = workv1alpha2.ObjectReference{APIVersion: "apps/v1", Kind: "Deployment", Namespace: "default",
		Name: "web", UID: uid}
	clear(estimator.GetReplicaEstimators()) // Karmada's own asks for the clusters' resources
	estimator.GetReplicaEstimators()["chance"] = room{c.Capacity, &b.spec}
	b.schedule()
	for range c.Members { // a NoExecute taint that is tolerated for some time
		for _, name := range c.Members {
			if b.evict(objects[name]) {
				break // what is placed anew may have to go, too
			}
		}
	}
	for _, name := range c.Lost[:n] {
		objects[name] = tainted(t, c, lost(objects[name]))
		if err := indexer.Update(objects[name]); err != nil {
			t.Fatal(err)
		}
		b.evict(objects[name])
	}
	return b.spec.Clusters, !b.crashed
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

// healthy is the Cluster as it is written, with the status that Karmada gives it.
func healthy(t *testing.T, c chance.Case, name string) *clusterv1alpha1.Cluster {
	of := &clusterv1alpha1.Cluster{}
	read(t, c.Clusters[name], of)
	of.Status.APIEnablements = []clusterv1alpha1.APIEnablement{
		{GroupVersion: "apps/v1", Resources: []clusterv1alpha1.APIResource{{Kind: "Deployment"}}}}
	meta.SetStatusCondition(&of.Status.Conditions, metav1.Condition{
		Type: clusterv1alpha1.ClusterConditionCompleteAPIEnablements, Status: metav1.ConditionTrue})
	meta.SetStatusCondition(&of.Status.Conditions, metav1.Condition{
		Type: clusterv1alpha1.ClusterConditionReady, Status: metav1.ConditionTrue})
	return of
}

func read(t *testing.T, content map[string]any, into any) {
	data, err := json.Marshal(content)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, into); err != nil {
		t.Fatal(err)
	}
}

// lost is a cluster with the condition and the taint that the cluster controllers give it.
//
// Source: pkg/controllers/cluster/cluster_controller.go updateClusterHealth and taintClusterByCondition,
// pkg/controllers/status/cluster_status_controller.go.
func lost(c *clusterv1alpha1.Cluster) *clusterv1alpha1.Cluster {
	c = c.DeepCopy()
	status, key := metav1.ConditionUnknown, clusterv1alpha1.TaintClusterUnreachable
	if c.Spec.SyncMode == clusterv1alpha1.Push {
		status, key = metav1.ConditionFalse, clusterv1alpha1.TaintClusterNotReady
	}
	meta.SetStatusCondition(&c.Status.Conditions, metav1.Condition{
		Type: clusterv1alpha1.ClusterConditionReady, Status: status})
	c.Spec.Taints = append(c.Spec.Taints, corev1.Taint{Key: key, Effect: corev1.TaintEffectNoSchedule})
	return c
}

// tainted is a cluster after Karmada's controller of ClusterTaintPolicies has seen it.
func tainted(t *testing.T, c chance.Case, cluster *clusterv1alpha1.Cluster) *clusterv1alpha1.Cluster {
	s := &store{cluster: cluster.DeepCopy()}
	for _, content := range c.TaintPolicies {
		var p policyv1alpha1.ClusterTaintPolicy
		read(t, content, &p)
		s.policies = append(s.policies, p)
	}
	controller := taint.ClusterTaintPolicyController{Client: s, EventRecorder: record.NewFakeRecorder(100)}
	if _, err := controller.Reconcile(context.Background(),
		reconcile.Request{NamespacedName: types.NamespacedName{Name: cluster.Name}}); err != nil {
		t.Fatal(err)
	}
	return s.cluster
}

// store is the API server as far as that controller needs one.
type store struct {
	client.Client
	cluster  *clusterv1alpha1.Cluster
	policies []policyv1alpha1.ClusterTaintPolicy
}

func (s *store) Get(_ context.Context, _ client.ObjectKey, into client.Object, _ ...client.GetOption) error {
	s.cluster.DeepCopyInto(into.(*clusterv1alpha1.Cluster))
	return nil
}

func (s *store) List(_ context.Context, into client.ObjectList, _ ...client.ListOption) error {
	into.(*policyv1alpha1.ClusterTaintPolicyList).Items = s.policies
	return nil
}

func (s *store) Patch(_ context.Context, object client.Object, _ client.Patch, _ ...client.PatchOption) error {
	s.cluster = object.(*clusterv1alpha1.Cluster)
	return nil
}

// binding is a ResourceBinding and its scheduler.
type binding struct {
	algorithm core.ScheduleAlgorithm
	spec      workv1alpha2.ResourceBindingSpec
	status    workv1alpha2.ResourceBindingStatus
	crashed   bool
}

// evict does what the taint manager does for a lost cluster, and schedules anew where the scheduler would.
//
// Source: pkg/controllers/cluster/taint_manager.go, pkg/scheduler/scheduler.go doScheduleBinding.
func (b *binding) evict(c *clusterv1alpha1.Cluster) (evicted bool) {
	if !b.spec.TargetContains(c.Name) {
		return false
	}
	noExecute := helper.GetNoExecuteTaints(c.Spec.Taints)
	if len(noExecute) == 0 {
		return false
	}
	if tolerated, used := helper.GetMatchingTolerations(noExecute, b.spec.Placement.ClusterTolerations); tolerated &&
		helper.GetMinTolerationTimeWithCurrentTime(noExecute, used, time.Now()) < 0 {
		return false
	}
	b.spec.GracefulEvictCluster(c.Name, workv1alpha2.NewTaskOptions(workv1alpha2.WithReason("lost")))
	if util.IsBindingReplicasChanged(&b.spec, b.spec.Placement.ReplicaScheduling) || !b.spec.IsWorkload() ||
		b.spec.Placement.ReplicaSchedulingType() == policyv1alpha1.ReplicaSchedulingTypeDuplicated {
		b.schedule()
	}
	return true
}

// schedule is scheduleResourceBinding: with an affinity or without one, or with one group after another.
func (b *binding) schedule() {
	var noFit *framework.FitError
	place := func(status *workv1alpha2.ResourceBindingStatus) (clusters []workv1alpha2.TargetCluster, err error) {
		defer func() {
			// 1.16.0 divides by zero where no cluster of a region has room, and its scheduler starts anew
			if recover() != nil {
				b.crashed = true
			}
		}()
		result, err := b.algorithm.Schedule(context.Background(), b.spec.DeepCopy(), status,
			&core.ScheduleAlgorithmOption{})
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
