# Variables of Flux whose values Git does not show.
package lib.variables

# stand_in: somewhere in a value stands a variable.
stand_in(value) if contains(json.marshal(value), "${")
