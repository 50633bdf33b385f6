def carry_out(c):
    print(c)
