import { describeWithWrongClocks } from './support/wrong-clocks';

describeWithWrongClocks('ahead');
