# Files as their names tell.
package lib.files

# example: the file is there to be copied and filled in.
example if regex.match(`\.(example|sample)(\.|$)`, input.file.path)
