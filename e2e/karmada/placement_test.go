package karmada

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-dev/rollcall/e2e/controlplane"
)

// binding is what is read of a ResourceBinding: where Karmada has an object.
type binding struct {
	Spec struct {
		Resource struct{ APIVersion, Kind, Namespace, Name string }
		Replicas int
		Clusters []struct {
			Name     string
			Replicas int
		}
	}
	Status struct {
		Conditions []struct{ Type, Status, Reason, Message string }
	}
}

// names are the clusters that have the object, sorted.
func (b *binding) names() []string {
	names := []string{}
	for _, c := range b.Spec.Clusters {
		names = append(names, c.Name)
	}
	slices.Sort(names)
	return names
}

// replicas are the clusters' replicas.
func (b *binding) replicas() map[string]int {
	replicas := map[string]int{}
	for _, c := range b.Spec.Clusters {
		replicas[c.Name] = c.Replicas
	}
	return replicas
}

// bindings are those of a namespace's policy.
func bindings(ctx context.Context, c *controlplane.ControlPlane, namespace, policy string) ([]binding, error) {
	list := &unstructured.UnstructuredList{Object: map[string]any{
		"apiVersion": "work.karmada.io/v1alpha2", "kind": "ResourceBindingList"}}
	if err := c.Client.List(ctx, list, client.InNamespace(namespace)); err != nil {
		return nil, err
	}
	var all []binding
	for _, item := range list.Items {
		if item.GetAnnotations()["propagationpolicy.karmada.io/name"] != policy {
			continue
		}
		var b binding
		data, err := item.MarshalJSON()
		if err != nil {
			return nil, err
		}
		if err := json.Unmarshal(data, &b); err != nil {
			return nil, err
		}
		all = append(all, b)
	}
	return all, nil
}

// holds checks every row of every policy's table: applies the fleet, loses clusters as the row says, and looks where
// Karmada has the replicas then.
func holds(t *testing.T, c *controlplane.ControlPlane, f fleet) {
	for _, r := range f.reports {
		if r.Error != "" {
			t.Fatalf("%s: %s", r.Policy.Name, r.Error)
		}
	}
	for _, losses := range chains(f.reports) {
		held := t.Run(strings.Join(losses, ", then "), func(t *testing.T) {
			apply(t, c, f)
			f.rows(t, c, nil)
			for i, name := range losses {
				c.Members[name].Lose()
				c.AwaitCluster(t, name, "Unknown")
				f.rows(t, c, losses[:i+1])
			}
			for _, name := range losses {
				c.Members[name].Return(t)
			}
			for _, name := range losses {
				c.AwaitCluster(t, name, "True")
			}
			remove(t, c, f)
		})
		if !held {
			return // with members lost that the next losses count on
		}
	}
}

// chains are the losses of all rows, without those that others begin with.
func chains(reports []report) [][]string {
	var all [][]string
	for _, r := range reports {
		for _, s := range r.Scenarios {
			all = append(all, s.Lost)
		}
	}
	begins := func(long, short []string) bool {
		return len(long) >= len(short) && slices.Equal(long[:len(short)], short)
	}
	slices.SortFunc(all, slices.Compare[[]string])
	all = slices.CompactFunc(all, slices.Equal[[]string])
	var longest [][]string
	for i, lost := range all {
		if i+1 == len(all) || !begins(all[i+1], lost) {
			longest = append(longest, lost)
		}
	}
	return longest
}

// rows compares the policies' rows of these losses with what is so, until it is and for a while thereafter.
func (f fleet) rows(t *testing.T, c *controlplane.ControlPlane, lost []string) {
	t.Helper()
	for _, r := range f.reports {
		for _, s := range r.Scenarios {
			if slices.Equal(s.Lost, lost) {
				controlplane.Await(t, fmt.Sprintf("what rollcall failover says of %s with %v lost: %+v", r.Policy.Name,
					lost, s), r.row(c, s))
			}
		}
	}
	controlplane.Remains(t, calm, fmt.Sprintf("what rollcall failover says of all policies with %v lost", lost),
		func(ctx context.Context) error {
			for _, r := range f.reports {
				for _, s := range r.Scenarios {
					if !slices.Equal(s.Lost, lost) {
						continue
					}
					if err := r.row(c, s)(ctx); err != nil {
						return fmt.Errorf("%s: %w", r.Policy.Name, err)
					}
				}
			}
			return nil
		})
}

// calm is for how long nothing more may happen. What happens after a loss has happened in a second or two.
const calm = 8 * time.Second

// row is a check of one row: in Karmada's bindings, and on the members that are left.
func (r report) row(c *controlplane.ControlPlane, s scenario) func(context.Context) error {
	return func(ctx context.Context) error {
		all, err := bindings(ctx, c, r.Policy.Namespace, r.Policy.Name)
		if err != nil {
			return err
		}
		if s.Outcome == "idle" || s.Outcome == "refused" {
			if len(all) > 0 {
				return fmt.Errorf("the policy has %d bindings, and it is %s", len(all), s.Outcome)
			}
			return nil
		}
		workloads := 0
		for _, b := range all {
			if b.Spec.Replicas == 0 {
				if !slices.Equal(b.names(), s.Others) {
					return fmt.Errorf("the %s is on %v instead of %v", b.Spec.Resource.Kind, b.names(), s.Others)
				}
				continue
			}
			workloads++
			got := b.replicas()
			if !slices.ContainsFunc(append(s.Alternatives, s.Replicas), func(way map[string]int) bool {
				return maps.Equal(way, got)
			}) {
				return fmt.Errorf("the replicas are %v instead of %v", got, s.Replicas)
			}
			if err := onMembers(ctx, c, b, s.Lost); err != nil {
				return err
			}
		}
		if workloads == 0 {
			return fmt.Errorf("no workload has a binding yet")
		}
		return nil
	}
}

// onMembers compares the Deployments on the members that are not lost with the binding.
func onMembers(ctx context.Context, c *controlplane.ControlPlane, b binding, lost []string) error {
	want := b.replicas()
	for name, m := range c.Members {
		if slices.Contains(lost, name) {
			continue
		}
		var d appsv1.Deployment
		err := m.Client.Get(ctx, client.ObjectKey{Namespace: b.Spec.Resource.Namespace, Name: b.Spec.Resource.Name}, &d)
		switch n, here := want[name]; {
		case apierrors.IsNotFound(err) && !here:
		case err != nil:
			return fmt.Errorf("on %s: %w", name, err)
		case !here:
			return fmt.Errorf("on %s there is a Deployment too many", name)
		case int(*d.Spec.Replicas) != n:
			return fmt.Errorf("on %s there are %d replicas instead of %d", name, *d.Spec.Replicas, n)
		}
	}
	return nil
}

// apply applies the fleet's objects to Karmada.
func apply(t *testing.T, c *controlplane.ControlPlane, f fleet) {
	t.Helper()
	for _, o := range f.objects {
		if err := c.TryApply(t.Context(), o.DeepCopy()); err != nil {
			t.Fatalf("apply %s %s/%s: %v", o.GetKind(), o.GetNamespace(), o.GetName(), err)
		}
	}
}

// remove takes policies and what they select away, and waits until they are gone and no member has any of it: Karmada
// holds policies by finalizers, and what is applied to one that is on its way out goes with it. The bindings go with
// their objects only where a kube-controller-manager collects garbage, which does not run here.
func remove(t *testing.T, c *controlplane.ControlPlane, f fleet) {
	t.Helper()
	platform := f.platform()
	for _, o := range f.objects {
		if slices.Contains(platform, o) {
			continue
		}
		if err := c.Client.Delete(t.Context(), o.DeepCopy()); client.IgnoreNotFound(err) != nil {
			t.Fatal(err)
		}
	}
	for _, o := range f.objects {
		if o.GetKind() != "Namespace" {
			continue
		}
		binding := &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": "work.karmada.io/v1alpha2", "kind": "ResourceBinding"}}
		if err := c.Client.DeleteAllOf(t.Context(), binding, client.InNamespace(o.GetName())); err != nil {
			t.Fatal(err)
		}
	}
	controlplane.Await(t, "all of it to be gone", func(ctx context.Context) error {
		for _, o := range f.objects {
			if slices.Contains(platform, o) {
				continue
			}
			if err := c.Client.Get(ctx, client.ObjectKeyFromObject(o), o.DeepCopy()); client.IgnoreNotFound(
				err) != nil {
				return err
			} else if err == nil {
				return fmt.Errorf("%s %s/%s is there", o.GetKind(), o.GetNamespace(), o.GetName())
			}
		}
		for name, m := range c.Members {
			var d appsv1.DeploymentList
			if err := m.Client.List(ctx, &d); err != nil {
				return err
			}
			if len(d.Items) > 0 {
				return fmt.Errorf("%s has %d Deployments", name, len(d.Items))
			}
		}
		list := &unstructured.UnstructuredList{Object: map[string]any{
			"apiVersion": "work.karmada.io/v1alpha2", "kind": "ResourceBindingList"}}
		if err := c.Client.List(ctx, list); err != nil {
			return err
		}
		if len(list.Items) > 0 {
			return fmt.Errorf("there are %d bindings", len(list.Items))
		}
		return nil
	})
}
