"""What does one send to somebody who was not there: a run or a comparison as one page that needs nothing else?"""
