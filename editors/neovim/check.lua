-- Opens FILE and prints the diagnostics that arrive for it, one a line.
vim.cmd("filetype on")
vim.cmd("edit " .. vim.fn.fnameescape(vim.env.FILE))
vim.wait(30000, function() return #vim.diagnostic.get(0) > 0 end, 50)
for _, d in ipairs(vim.diagnostic.get(0)) do
  io.stdout:write(string.format("%d: %s [%s]\n", d.lnum + 1, d.source, d.code))
end
vim.cmd("qall!")
